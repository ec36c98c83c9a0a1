#!/usr/bin/env python3
"""Drives an unmodified Chromium through the portal of a linarite server, and takes its picture.

Needed in the environment:
  LINARITE_PROXY     forward proxy of the server under test
  LINARITE_CA        PEM file of the CA that signs the server's certificates
  LINARITE_USER      an administrator of devices, LINARITE_PASSWORD its password
  LINARITE_CONTROL_URL, LINARITE_CONTROL_TOKEN   the control API, which sets policies and makes a device
Optional:
  LINARITE_SHOTS     folder for the screenshots (default: target/screenshots)
  CHROMIUM           the browser (default: chromium)

The CA goes into the certificate store of a throw-away home, and nothing tells the browser to overlook a bad certificate.
Chromium is spoken to over its debugging pipe, so Python needs no package. Each line says what was seen; the exit status is
0 when all of it was right, 1 when something was not, 2 when the run could not be set up.
"""
import base64
import fcntl
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import queue
import urllib.parse
import urllib.request

PORTAL = "https://portal.azure.com"
FILES = "https://files.contoso.test"
MARKUP = '<b onclick="x">PC</b> & "co"'
# The user of the shared world who has an authenticator app, and what the app was set up with.
SECOND = ("mia@contoso.test", "Correct-Horse-6", "JBSWY3DPEHPK3PXP")


def fail_setup(why):
    print("SETUP:", why, file=sys.stderr)
    sys.exit(2)


def need(name):
    value = os.environ.get(name)
    return value if value else fail_setup(f"{name} is not set (see the head of {__file__})")


def control(method, path, body=None):
    """Asks the control API, past any proxy."""
    request = urllib.request.Request(
        need("LINARITE_CONTROL_URL") + "/worlds/default" + path, method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + need("LINARITE_CONTROL_TOKEN"), "Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def one_time_code(secret):
    """What an authenticator app shows now (RFC 6238). The world's clock follows the real one."""
    key = base64.b32decode(secret)
    tag = hmac.new(key, int(time.time() // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    start = tag[-1] & 15
    return f"{(int.from_bytes(tag[start:start + 4], 'big') & 0x7fffffff) % 1000000:06}"


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, home, proxy, binary):
        read_commands, self.commands = os.pipe()
        self.answers, write_answers = os.pipe()

        # Out of the way first: a descriptor that is moved to its own number would be closed with the new program.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read_commands, write_answers)]

        def wire():
            for end, number in zip(ends, (3, 4)):
                os.dup2(end, number)

        environment = {"HOME": home, "PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "XDG_CONFIG_HOME": home}
        self.log = open(os.path.join(home, "browser.log"), "wb")
        self.process = subprocess.Popen(
            [binary, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--remote-debugging-pipe", f"--proxy-server={proxy}", f"--user-data-dir={home}/profile",
             "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-default-apps", "--hide-scrollbars", "--force-device-scale-factor=1", "about:blank"],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            close_fds=False, preexec_fn=wire, start_new_session=True)
        for end in (read_commands, write_answers, *ends):
            os.close(end)
        self.number, self.session = 0, None
        self.inbox, self.events = queue.Queue(), []
        threading.Thread(target=self.listen, daemon=True).start()
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def listen(self):
        held = b""
        while True:
            try:
                piece = os.read(self.answers, 65536)
            except OSError:
                piece = b""
            if not piece:
                self.inbox.put(None)
                return
            held += piece
            while b"\0" in held:
                one, held = held.split(b"\0", 1)
                self.inbox.put(json.loads(one))

    def receive(self, seconds):
        try:
            message = self.inbox.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError("the browser does not answer") from None
        if message is None:
            raise EOFError("the browser has ended")
        return message

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            message = self.receive(60)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def loaded(self, act):
        """Does something that leads to another page, and waits until no more pages follow."""
        self.events.clear()
        act()
        seconds, seen = 60, False
        while True:
            if any(event.get("method") == "Page.loadEventFired" for event in self.events):
                seen, seconds = True, 1.0
                self.events.clear()
            try:
                self.events.append(self.receive(seconds))
            except TimeoutError:
                if seen:
                    return
                raise

    def go(self, url):
        def act():
            self.failed = self.ask("Page.navigate", url=url).get("errorText")
        self.loaded(act)
        if self.failed:
            raise RuntimeError(f"{url}: {self.failed}")

    def run(self, script):
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("text", "a script failed"))
        return result["result"].get("value")

    def click(self, selector):
        self.loaded(lambda: self.run(f"document.querySelector({json.dumps(selector)}).click()"))

    def shot(self, path, scheme="light", width=1280, height=800):
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)


# What people need who see little, or no colours: computed by the browser from what it shows.
CONTRAST = """(() => {
  const number = (c) => { const v = c / 255; return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); };
  const parse = (text) => { const m = text.match(/[\\d.]+/g).map(Number); return m.length < 4 || m[3] > 0 ? m : null; };
  const light = (c) => 0.2126 * number(c[0]) + 0.7152 * number(c[1]) + 0.0722 * number(c[2]);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
  let worst = [99, ''];
  for (const e of document.querySelectorAll('main *, header *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.tagName + ' ' + e.textContent.trim().slice(0, 30)];
  }
  return worst;
})()"""
UNLABELLED = """[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
  .filter(e => !e.labels.length && !e.getAttribute('aria-label')).length
  + [...document.querySelectorAll('a, button')].filter(e => !e.textContent.trim()).length
  + [...document.querySelectorAll('th')].filter(e => !e.scope).length"""


def main():
    proxy, ca = need("LINARITE_PROXY"), need("LINARITE_CA")
    user, password = need("LINARITE_USER"), need("LINARITE_PASSWORD")
    binary = os.environ.get("CHROMIUM", "chromium")
    for tool in (binary, "certutil"):
        if not shutil.which(tool):
            fail_setup(f"{tool} is not installed: apt-get install chromium libnss3-tools")
    shots = os.environ.get("LINARITE_SHOTS", "target/screenshots")
    os.makedirs(shots, exist_ok=True)
    home = tempfile.mkdtemp(prefix="linarite-browser.")
    store = os.path.join(home, ".pki", "nssdb")
    os.makedirs(store)
    for command in (["-N", "--empty-password"], ["-A", "-n", "linarite", "-t", "C,,", "-i", ca]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *command], check=True, stdin=subprocess.DEVNULL)

    wrong = []

    def check(what, ok, shown=""):
        print(("ok   " if ok else "WRONG"), what, "" if ok else f"({shown})")
        if not ok:
            wrong.append(what)

    browser = Browser(home, proxy, binary)
    try:
        def type_in(who, secret):
            browser.run(f"""document.querySelector('[name=login]').value = {json.dumps(who)};
                document.querySelector('[name=passwd]').value = {json.dumps(secret)};""")
            browser.click("form button[type=submit]")

        def title():
            return browser.run("document.querySelector('h1').textContent")

        def look(name):
            for scheme, width, height in (("light", 1280, 800), ("dark", 1280, 800), ("light", 390, 844)):
                kind = "narrow" if width < 600 else scheme
                browser.shot(os.path.join(shots, f"{name}-{kind}.png"), scheme, width, height)
                ratio, where = browser.run(CONTRAST)
                check(f"{name} {kind}: the contrast is enough", ratio >= 4.5, f"{ratio:.2f} at {where}")
                wide = browser.run("document.documentElement.scrollWidth - window.innerWidth")
                check(f"{name} {kind}: the page is no wider than the window", wide <= 0, wide)
            check(f"{name}: everything is labelled", browser.run(UNLABELLED) == 0)
            check(f"{name}: it says its language", browser.run("document.documentElement.lang") == "en")
            browser.ask("Emulation.clearDeviceMetricsOverride")

        browser.go(PORTAL + "/")
        check("the portal leads to the sign-in page",
              browser.run("location.host") == "login.microsoftonline.com", browser.run("location.href"))
        browser.shot(os.path.join(shots, "sign-in-light.png"))
        type_in(user, "not the password")
        shown = browser.run("document.body.innerText")
        check("a wrong password is refused on the page", "incorrect" in shown or "validating" in shown, shown[:200])
        type_in(user, password)
        check("the right one leads back", browser.run("location.host") == "portal.azure.com", browser.run("location.href"))
        check("to USER info", title().startswith("USER info: "), title())
        look("user-info")
        columns = browser.run("[...document.querySelectorAll('thead th')].map(e => e.textContent)")
        check("its devices have columns", columns[:2] == ["Name", "Enabled"], columns)

        browser.go(PORTAL + "/devices")
        check("all devices are listed", browser.run("document.querySelectorAll('tbody tr').length") >= 3)
        look("all-devices")
        browser.click("tbody th a")
        check("a device has a page", title().startswith("Device: "), title())
        look("device")
        facts = "Object.fromEntries([...document.querySelectorAll('dl div')].map(e => [e.children[0].textContent, e.children[1].textContent]))"
        before = browser.run(facts)["Enabled"]
        browser.click("main form.act button")
        after = browser.run(facts)["Enabled"]
        check("an administrator changes it there", {before, after} == {"Yes", "No"}, f"{before} {after}")
        browser.click("main form.act button")
        check("and back", browser.run(facts)["Enabled"] == before)

        browser.go(f"{PORTAL}/users/{user}/sign-ins")
        rows = browser.run("[...document.querySelectorAll('tbody tr')].map(r => [...r.children].map(c => c.textContent))")
        failed = [row for row in rows if row[2] == "Failure"]
        check("sign-ins show the refused one with its code", any(row[3] == "50126" for row in failed), rows)
        check("with a reason and a correlation id", bool(failed) and bool(failed[0][4]) and len(failed[0][6]) == 36, rows)
        look("sign-ins")

        # Another page's form cannot change anything: it does not know the token.
        browser.run(f"""document.body.innerHTML = '<form method="post" action="{PORTAL}/devices/x/disable"><button>go</button></form>'""")
        browser.click("button")
        check("a form without its token changes nothing", title() == "Nothing was changed", title())

        # The same without script: the sign-in hands over by a button.
        browser.go(PORTAL + "/users")
        browser.click("form.me button")
        check("signing out says so", title() == "You are signed out", title())
        browser.ask("Emulation.setScriptExecutionDisabled", value=True)
        browser.go(PORTAL + "/devices")
        type_in(user, password)
        browser.click("button")
        check("it all works without script", title() == "All devices", browser.run("location.href"))
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)

        # Markup in a name is text wherever it shows.
        made = control("POST", "/devices", {"name": MARKUP, "os": "windows-10", "trust": "azure-ad"})
        for path, where in (("/devices", "tbody"), (f"/devices/{made['id']}", "h1")):
            browser.go(PORTAL + path)
            shown = browser.run(f"document.querySelector('{where}').textContent")
            check(f"markup in a device's name shows as text ({where})", MARKUP in shown, shown[:200])
            check("and makes no element", browser.run("document.querySelectorAll('b').length") == 0)
        look("device-markup")

        # A form on another site does not change anything, whatever cookies the browser has.
        browser.go(FILES + "/")
        browser.run(f"""document.body.innerHTML = '<form method="post" action="{PORTAL}/devices/{made["id"]}/disable">'
            + '<input name="token" value="guess"><button>go</button></form>'""")
        browser.click("button")
        check("the form of another origin was sent", browser.run("location.origin") == PORTAL, browser.run("location.href"))
        check("and changed nothing", control("GET", f"/devices/{made['id']}")["accountEnabled"] is True)

        # Conditional access: the page of FAQ A20.
        control("POST", "/policies", {"id": "browser", "apps": ["files"], "grant": ["compliant"]})
        asked = urllib.parse.urlencode({
            "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "response_type": "code",
            "redirect_uri": "http://localhost", "resource": FILES})
        browser.go(f"https://login.microsoftonline.com/organizations/oauth2/authorize?{asked}")
        type_in(user, password)
        check("a policy stops the browser", title() == "You can\u2019t get there from here", title())
        shown = browser.run("Object.fromEntries([...document.querySelectorAll('dt')].map(e => [e.textContent, e.nextElementSibling.textContent]))")
        check("the page tells the number", shown.get("Error code") == "53000", shown)
        check("and that no device took part", shown.get("Device state") == "unregistered", shown)
        check("and the ids that support asks for", all(len(shown.get(name, "")) == 36 for name in ("Request Id", "Correlation Id")), shown)
        look("blocked")
        control("DELETE", "/policies/browser")

        # A second factor: the form, a wrong code, the right one.
        control("POST", "/policies", {"id": "browser", "apps": ["https://graph.microsoft.com"], "users": [SECOND[0]], "grant": ["mfa"]})
        browser.go(PORTAL + "/users")
        browser.click("form.me button")
        browser.go(PORTAL + "/")
        type_in(SECOND[0], SECOND[1])
        check("the page for the second factor comes after the password", title() == "Enter code", title())
        look("second-factor")

        def type_code(code):
            browser.run(f"document.querySelector('[name=otc]').value = {json.dumps(code)}")
            browser.click("form button[type=submit]")

        type_code("12345x")
        shown = browser.run("document.querySelector('[role=alert]').textContent")
        check("a wrong code is refused on the page", "strong authentication" in shown, shown)
        type_code(one_time_code(SECOND[2]))
        check("the right one leads back to the portal", title().startswith("USER info: Mia"), title())
        control("DELETE", "/policies/browser")
    except (RuntimeError, TimeoutError, OSError, EOFError, TypeError, KeyError, ValueError) as error:
        check("the walk came to its end", False, error)
        with open(os.path.join(home, "browser.log"), errors="replace") as log:
            print(log.read()[-2000:], file=sys.stderr)
    finally:
        browser.close()
        shutil.rmtree(home, ignore_errors=True)
    print(f"{len(wrong)} wrong; screenshots in {shots}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

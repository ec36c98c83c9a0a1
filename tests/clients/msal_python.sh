#!/usr/bin/env bash
# Drives unmodified MSAL Python through msal_python.py and judges it step by step:
#   linarite exec --world contoso -- tests/clients/msal_python.sh
#
# Each step of the suite stands in one of two lists. OWED has to pass. LATER belongs to work that is not done yet: it is
# skipped by name, never silently. It is a failure when an owed step does not pass, when a list names a step that does not
# exist, when a step stands in no list or in both, and when a step of LATER was not skipped.
#
# `linarite exec` sets LINARITE_PROXY, LINARITE_CA and LINARITE_TENANT. The accounts are those of the contoso world unless
# LINARITE_USER, LINARITE_FED_USER, LINARITE_CLIENT_ID and the like say otherwise (see the head of msal_python.py).
#   LINARITE_VENV   virtual environment with requirements.txt installed; without it, the python3 on PATH
# Exit status: 0 all is as it should be, 1 a step or a list is not, 2 the run could not be set up.
set -u
here=$(cd "$(dirname "$0")" && pwd)
python=${LINARITE_VENV:+$LINARITE_VENV/bin/}python3

OWED="
discovery.instance discovery.invalid_instance discovery.openid_configuration discovery.unknown_tenant
discovery.userrealm_managed discovery.userrealm_federated
ropc.managed ropc.id_token_signature ropc.organizations_authority ropc.wrong_password ropc.unknown_user
errors.http_status
silent.from_cache silent.force_refresh refresh.by_refresh_token refresh.garbage
federated.mex federated.ropc federated.wrong_password
clientcred.secret clientcred.wrong_secret
authcode.pkce authcode.code_is_single_use
graph.devices graph.paging graph.filter_select graph.count_eventual graph.not_found
graph.bad_token graph.user_token_me
azureidentity.client_secret azureidentity.username_password azureidentity.error
msgraph.sdk
"
# Device code, client certificates, on-behalf-of.
LATER="
devicecode.initiate devicecode.pending devicecode.approved
clientcred.certificate_sha256 clientcred.certificate_sha1
obo.on_behalf_of
"

setup_error() { echo "SETUP: $*" >&2; exit 2; }
for v in LINARITE_PROXY LINARITE_CA LINARITE_TENANT; do
  [ -n "${!v:-}" ] || setup_error "$v is not set: run this by linarite exec"
done
"$python" -c 'import msal, azure.identity, msgraph' ||
  setup_error "$python lacks a client: pip install -r $here/requirements.txt"

export LINARITE_USER=${LINARITE_USER:-alice@contoso.test} LINARITE_PASSWORD=${LINARITE_PASSWORD:-Correct-Horse-1}
export LINARITE_FED_USER=${LINARITE_FED_USER:-dave@fabrikam.test} LINARITE_FED_PASSWORD=${LINARITE_FED_PASSWORD:-Correct-Horse-4}
export LINARITE_CLIENT_ID=${LINARITE_CLIENT_ID:-7c9c1f0a-2f54-4a0e-8f0b-5b7b6f0a7a02}
export LINARITE_CLIENT_SECRET=${LINARITE_CLIENT_SECRET:-line-app-secret-1}
# shellcheck disable=SC2086
LINARITE_SKIP=$(printf '%s,' $LATER)
export LINARITE_SKIP

# A folder of its own: nothing of the caller's caches is read, and nothing is left there.
HOME=$(mktemp -d "${TMPDIR:-/tmp}/linarite-msal.XXXXXX") || setup_error "mktemp failed"
export HOME
trap 'rm -rf "$HOME"' EXIT
"$python" "$here/msal_python.py" | tee "$HOME/steps"

wrong=0
complain() { echo "WRONG $*"; wrong=$((wrong + 1)); }
listed() { case " $(echo $2) " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
outcome() { awk -v step="$1" '/^(PASS|FAIL|SKIP) / && $2 == step { print $1; exit }' "$HOME/steps"; }
for name in $OWED; do
  case $(outcome "$name") in
    PASS) ;;
    '') complain "$name: there is no such step" ;;
    *) complain "$name has to pass: $(grep -m1 "^.... $name" "$HOME/steps")" ;;
  esac
  listed "$name" "$LATER" && complain "$name stands in both lists"
done
for name in $LATER; do
  case $(outcome "$name") in
    SKIP) ;;
    '') complain "$name: there is no such step" ;;
    *) complain "$name was not skipped" ;;
  esac
done
for name in $(awk '/^(PASS|FAIL|SKIP) / { print $2 }' "$HOME/steps"); do
  listed "$name" "$OWED $LATER" || complain "$name stands in no list of $(basename "$0")"
done
count() { echo $#; }
# shellcheck disable=SC2086
echo "$(count $OWED) owed, $(count $LATER) skipped until later, $wrong wrong"
[ "$wrong" -eq 0 ]

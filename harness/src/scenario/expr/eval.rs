//! Expressions to values.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a value of any kind but the wanted one is refused alike"
)]

use std::cmp::Ordering;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};

use super::{Expr, ExprError, ExprKind, Operator, Value};
use crate::scenario::suggest;
use crate::scenario::time::{Dur, Time};

/// Where names get their values from: the current item, the row, captures, `vars`, the world.
pub trait Scope {
    /// The value of a name, `alice` in `$(alice.upn)`; `None` when there is no such name.
    fn lookup(&self, name: &str) -> Option<Value>;

    /// The names there are, to propose one of them for an unknown one.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// No names at all.
impl Scope for () {
    fn lookup(&self, _name: &str) -> Option<Value> {
        None
    }
}

/// A map of JSON values is a scope.
impl Scope for serde_json::Map<String, Json> {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.get(name).cloned().map(Value::Json)
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}

/// The value of an expression.
pub fn evaluate(expr: &Expr, scope: &dyn Scope) -> Result<Value, ExprError> {
    let bad = |title: String| Err(ExprError::new("scn::bad-value", expr.range.clone(), title));
    match &expr.kind {
        ExprKind::Literal(value) => Ok(Value::Json(value.clone())),
        ExprKind::Name(name) => scope.lookup(name).ok_or_else(|| undefined(expr, name, scope)),
        ExprKind::Member(of, name) => {
            let value = evaluate(of, scope)?;
            member(value, name, &expr.range)
        }
        ExprKind::Index(of, index) => {
            let value = evaluate(of, scope)?;
            match evaluate(index, scope)? {
                Value::Json(Json::String(name)) => member(value, &name, &expr.range),
                Value::Json(Json::Number(at)) => element(value, &at, &expr.range),
                other => bad(format!("an index is a number or text, not {}", other.kind_name())),
            }
        }
        ExprKind::Call(name, arguments) => call(name, arguments, expr, scope),
        ExprKind::Not(of) => Ok(Value::Json(Json::Bool(!truth(of, scope)?))),
        ExprKind::Minus(of) => match evaluate(of, scope)? {
            Value::Duration(Dur(ms)) => Ok(Value::Duration(Dur(ms.saturating_neg()))),
            Value::Json(Json::Number(n)) => number(-n.as_f64().unwrap_or(0.0), &expr.range),
            other => bad(format!("{} has no negative", other.kind_name())),
        },
        ExprKind::Binary(Operator::Or, left, right) => {
            Ok(Value::Json(Json::Bool(truth(left, scope)? || truth(right, scope)?)))
        }
        ExprKind::Binary(Operator::And, left, right) => {
            Ok(Value::Json(Json::Bool(truth(left, scope)? && truth(right, scope)?)))
        }
        ExprKind::Binary(operator, left, right) => {
            binary(*operator, evaluate(left, scope)?, evaluate(right, scope)?, &expr.range)
        }
    }
}

fn undefined(expr: &Expr, name: &str, scope: &dyn Scope) -> ExprError {
    let error =
        ExprError::new("scn::undefined", expr.range.clone(), format!("`{name}` is not defined"));
    let names = scope.names();
    match suggest::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None if name.contains('-') => error.help("a subtraction needs spaces around its minus"),
        None => error,
    }
}

fn truth(expr: &Expr, scope: &dyn Scope) -> Result<bool, ExprError> {
    match evaluate(expr, scope)? {
        Value::Json(Json::Bool(b)) => Ok(b),
        other => Err(ExprError::new(
            "scn::bad-value",
            expr.range.clone(),
            format!("true or false is expected here, not {}", other.kind_name()),
        )
        .help("compare it with something: == != < <= > >=")),
    }
}

fn member(value: Value, name: &str, range: &Range<usize>) -> Result<Value, ExprError> {
    let missing = |title: String| ExprError::new("scn::undefined", range.clone(), title);
    match value {
        Value::Json(Json::Object(mut map)) => {
            if let Some(value) = map.remove(name) {
                return Ok(Value::Json(value));
            }
            let mut error = missing(format!("there is no `{name}` here"));
            error.help = suggest::help(name, map.keys().map(String::as_str));
            Err(error)
        }
        other => Err(missing(format!("{} has no `{name}`", other.kind_name()))),
    }
}

fn element(
    value: Value,
    at: &serde_json::Number,
    range: &Range<usize>,
) -> Result<Value, ExprError> {
    let missing = |title: String| ExprError::new("scn::undefined", range.clone(), title);
    let Value::Json(Json::Array(mut items)) = value else {
        return Err(missing(format!("{} has no elements", value.kind_name())));
    };
    let index = match at.as_i64() {
        Some(at) if at < 0 => items.len().checked_sub(usize::try_from(-at).unwrap_or(usize::MAX)),
        Some(at) => usize::try_from(at).ok(),
        None => None,
    };
    match index.filter(|index| *index < items.len()) {
        Some(index) => Ok(Value::Json(items.swap_remove(index))),
        None => Err(missing(format!("there is no element {at}: the list has {}", items.len()))),
    }
}

fn number(value: f64, range: &Range<usize>) -> Result<Value, ExprError> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    let json = if value.fract() == 0.0 && value.abs() < 9e15 {
        Some(json!(value as i64))
    } else {
        serde_json::Number::from_f64(value).map(Json::Number)
    };
    json.map(Value::Json)
        .ok_or_else(|| ExprError::new("scn::bad-value", range.clone(), "the number is too large"))
}

fn binary(
    operator: Operator,
    left: Value,
    right: Value,
    range: &Range<usize>,
) -> Result<Value, ExprError> {
    let names = (left.kind_name(), right.kind_name());
    let bad = |verb: &str| {
        let title = format!("{} and {} cannot be {verb}", names.0, names.1);
        ExprError::new("scn::bad-value", range.clone(), title)
    };
    let verdict = |b: bool| Ok(Value::Json(Json::Bool(b)));
    let (left, right) = alike(left, right);
    match operator {
        Operator::Equal => verdict(same(&left, &right)),
        Operator::NotEqual => verdict(!same(&left, &right)),
        Operator::Plus | Operator::Minus => {
            let sign: i64 = if operator == Operator::Plus { 1 } else { -1 };
            match (left, right) {
                (Value::Json(Json::Number(a)), Value::Json(Json::Number(b))) => {
                    let whole = (a.as_i64(), b.as_i64().and_then(|b| b.checked_mul(sign)));
                    if let (Some(a), Some(b)) = whole
                        && let Some(sum) = a.checked_add(b)
                    {
                        return Ok(Value::Json(json!(sum)));
                    }
                    let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(0.0));
                    number(if sign > 0 { a + b } else { a - b }, range)
                }
                (Value::Json(Json::String(a)), Value::Json(Json::String(b))) if sign > 0 => {
                    Ok(Value::from(format!("{a}{b}")))
                }
                (Value::Time(a), Value::Duration(b)) => {
                    Ok(Value::Time(a.plus(Dur(b.0.saturating_mul(sign)))))
                }
                (Value::Duration(a), Value::Time(b)) if sign > 0 => Ok(Value::Time(b.plus(a))),
                (Value::Time(a), Value::Time(b)) if sign < 0 => {
                    Ok(Value::Duration(Dur(a.0.saturating_sub(b.0))))
                }
                (Value::Duration(a), Value::Duration(b)) => {
                    Ok(Value::Duration(Dur(a.0.saturating_add(b.0.saturating_mul(sign)))))
                }
                // A time that a map holds, such as clock.now, is text.
                (Value::Json(Json::String(a)), Value::Duration(b)) if a.parse::<Time>().is_ok() => {
                    let time = a.parse::<Time>().map_err(|why| bad(&why))?;
                    Ok(Value::Time(time.plus(Dur(b.0.saturating_mul(sign)))))
                }
                _ => Err(bad(if sign > 0 { "added" } else { "subtracted" })),
            }
        }
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            let order = compare(&left, &right).ok_or_else(|| bad("put in order"))?;
            verdict(match operator {
                Operator::Less => order == Ordering::Less,
                Operator::LessOrEqual => order != Ordering::Greater,
                Operator::Greater => order == Ordering::Greater,
                _ => order != Ordering::Less,
            })
        }
        Operator::And | Operator::Or => Err(bad("combined")),
    }
}

/// Text beside a time or a duration is read as one.
fn alike(left: Value, right: Value) -> (Value, Value) {
    fn read(value: Value, like: &Value) -> Value {
        let Value::Json(Json::String(text)) = &value else { return value };
        match like {
            Value::Time(_) => text.parse().map(Value::Time).unwrap_or(value),
            Value::Duration(_) => text.parse().map(Value::Duration).unwrap_or(value),
            Value::Json(_) => value,
        }
    }
    let left = if matches!(left, Value::Json(_)) { read(left, &right) } else { left };
    let right = read(right, &left);
    (left, right)
}

fn same(left: &Value, right: &Value) -> bool {
    if let (Value::Json(Json::Number(a)), Value::Json(Json::Number(b))) = (left, right) {
        return a == b || a.as_f64() == b.as_f64();
    }
    left == right
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Json(Json::Number(a)), Value::Json(Json::Number(b))) => {
            match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
            }
        }
        (Value::Json(Json::String(a)), Value::Json(Json::String(b))) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn call(
    name: &str,
    arguments: &[Expr],
    expr: &Expr,
    scope: &dyn Scope,
) -> Result<Value, ExprError> {
    let (Some(first), second) = (arguments.first(), arguments.get(1)) else {
        return Err(ExprError::new("scn::bad-expression", expr.range.clone(), "no value is given"));
    };
    if name == "default" {
        let usable = evaluate(first, scope);
        return match (usable, second) {
            (Ok(value), _) if value != Value::Json(Json::Null) => Ok(value),
            (Err(error), _) if error.code != "scn::undefined" => Err(error),
            (_, Some(second)) => evaluate(second, scope),
            (usable, None) => usable,
        };
    }
    let value = evaluate(first, scope)?;
    let at = first.range.clone();
    let wrong = |what: &str, value: &Value| {
        let title = format!("`{name}` takes {what}, not {}", value.kind_name());
        ExprError::new("scn::bad-value", at.clone(), title)
    };
    let text = |value: &Value| match value {
        Value::Json(Json::String(text)) => Ok(text.clone()),
        other => Err(wrong("text", other)),
    };
    match name {
        "duration" => match &value {
            Value::Duration(_) => Ok(value),
            _ => text(&value)?
                .parse()
                .map(Value::Duration)
                .map_err(|error: String| ExprError::new("scn::bad-duration", at, error)),
        },
        "time" => match &value {
            Value::Time(_) => Ok(value),
            // Seconds since 1970, as tokens carry them.
            Value::Json(Json::Number(seconds)) => seconds
                .as_i64()
                .and_then(|seconds| seconds.checked_mul(1000))
                .map(|ms| Value::Time(Time(ms)))
                .ok_or_else(|| wrong("whole seconds since 1970", &value)),
            _ => text(&value)?
                .parse()
                .map(Value::Time)
                .map_err(|error: String| ExprError::new("scn::bad-time", at, error)),
        },
        "len" => match &value {
            Value::Json(Json::String(text)) => Ok(Value::from(text.chars().count())),
            Value::Json(Json::Array(items)) => Ok(Value::from(items.len())),
            Value::Json(Json::Object(map)) => Ok(Value::from(map.len())),
            other => Err(wrong("text, a list or a map", other)),
        },
        "lower" => Ok(Value::from(text(&value)?.to_lowercase())),
        "b64" => Ok(Value::from(STANDARD.encode(value.to_string()))),
        "jwt" => jwt(&text(&value)?)
            .map(Value::Json)
            .ok_or_else(|| ExprError::new("scn::bad-value", at, "this text is not a JWT")),
        "matches" => {
            let Some(second) = second else { return Err(wrong("a pattern", &value)) };
            let pattern = text(&evaluate(second, scope)?)?;
            let regex = regex::RegexBuilder::new(&pattern).multi_line(true).build();
            regex.map(|regex| Value::from(regex.is_match(&value.to_string()))).map_err(|_| {
                let title = format!("`{pattern}` is not a regular expression");
                ExprError::new("scn::bad-regex", second.range.clone(), title)
            })
        }
        _ => Err(ExprError::new(
            "scn::unknown-function",
            expr.range.clone(),
            format!("there is no function `{name}`"),
        )),
    }
}

/// Header and claims of a token, its signature not looked at.
pub(crate) fn jwt(token: &str) -> Option<Json> {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Json>(&bytes).ok()
    });
    Some(json!({ "header": parts.next()??, "claims": parts.next()?? }))
}

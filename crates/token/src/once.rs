//! JSON in which no name stands twice. RFC 7519, section 4, lets a reader of claims refuse such a text or take the last one;
//! whoever signs, or looks on, may have taken the first, so it is refused at any depth.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// An object.
pub(crate) struct Once(pub(crate) Map<String, Value>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Part::deserialize(deserializer)?.0 {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(D::Error::custom("not an object")),
        }
    }
}

/// Anything in it.
struct Part(Value);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which no name stands twice")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Part(value)) = parts.next_element()? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Part(value))) = members.next_entry::<String, Part>()? {
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, from_str};

    use super::Once;

    fn read(text: &str) -> Option<Map<String, Value>> {
        from_str::<Once>(text).ok().map(|once| once.0)
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth() {
        for twice in [
            r#"{"roles": "nurse", "roles": "admin"}"#,
            r#"{"roles": "nurse", "r\u006fles": "admin"}"#,
            r#"{"realm_access": {"roles": [], "roles": ["admin"]}}"#,
            r#"{"all": [{"a": 1, "a": 1}]}"#,
        ] {
            assert_eq!(read(twice), None, "{twice}");
            assert!(from_str::<Value>(twice).is_ok(), "{twice}");
        }
        for none in ["[]", "null", "7", r#""text""#, "{", r#"{"a": 1} {}"#] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn whatever_else_is_an_object_is_read_as_it_is(
            members in prop::collection::btree_map(".{0,8}", prop_oneof![
                any::<bool>().prop_map(Value::from),
                any::<i64>().prop_map(Value::from),
                any::<u64>().prop_map(Value::from),
                (-1e300..1e300).prop_map(Value::from),
                ".{0,12}".prop_map(Value::from),
                prop::collection::vec(".{0,4}", 0..3).prop_map(Value::from),
                Just(Value::Null),
                Just(serde_json::json!({ "in": { "it": [1, null] } })),
            ], 0..8),
        ) {
            let text = serde_json::to_string(&members).unwrap();
            prop_assert_eq!(read(&text), from_str::<Map<String, Value>>(&text).ok());
        }
    }
}

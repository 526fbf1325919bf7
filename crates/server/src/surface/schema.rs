//! The shapes of bodies for the OpenAPI descriptions: from the types that are read and written, and by hand for the few
//! answers that have none.

use chatehr_contract::{
    Appointment, Consultation, Message, PersonId, Policy, Receipt, Role, SpecialtyCode, Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema,
        schema::{AdditionalProperties, OneOfBuilder, Type},
    },
};

/// The schemas of a description, by name.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

/// Adds what it needs and says how it is spelled.
pub(crate) type Model = fn(&mut Schemas) -> RefOr<Schema>;

/// A test account's code.
#[derive(Deserialize, ToSchema)]
pub(crate) struct TestCode {
    /// Six digits.
    #[schema(pattern = "^[0-9]{6}$")]
    pub(crate) code: String,
}

/// A sealed file that was added.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    /// Its id.
    id: String,
    /// Where it belongs.
    consultation_id: String,
    /// Bytes.
    size: u64,
}

/// A type's own schema.
pub(crate) fn model<T: ToSchema + PartialSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    T::schemas(schemas);
    let name = T::name();
    schemas.push((name.to_string(), T::schema()));
    Ref::from_schema_name(name).into()
}

/// An array of it.
pub(crate) fn rows<T: ToSchema + PartialSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let row = model::<T>(schemas);
    ArrayBuilder::new().items(row).into()
}

/// A file, or nothing.
pub(crate) fn bytes(_: &mut Schemas) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(utoipa::openapi::schema::SchemaType::AnyValue).into()
}

fn text(about: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).description(Some(about)).into()
}

/// GET /keys.
pub(crate) fn message_key(_: &mut Schemas) -> RefOr<Schema> {
    ObjectBuilder::new()
        .property("kid", text("Which root secret it derives from"))
        .property("key", text("32 bytes, base64url"))
        .required("kid")
        .required("key")
        .into()
}

/// GET /session: a person, or a machine.
pub(crate) fn who(schemas: &mut Schemas) -> RefOr<Schema> {
    let end =
        OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Null)).item(Timestamp::schema());
    let person = ObjectBuilder::new()
        .title(Some("Person"))
        .property("id", model::<PersonId>(schemas))
        .property("role", model::<Role>(schemas))
        .property("specialties", rows::<SpecialtyCode>(schemas))
        .property("delegatesFor", model::<PersonId>(schemas))
        .property("expiresAt", end)
        .required("id")
        .required("role")
        .required("specialties")
        .required("expiresAt");
    let machine =
        ObjectBuilder::new().title(Some("Machine")).property("machine", text("Its name")).required("machine");
    OneOfBuilder::new().item(person).item(machine).into()
}

/// GET /policy.
pub(crate) fn signed_policy(schemas: &mut Schemas) -> RefOr<Schema> {
    let policy = model::<Policy>(schemas);
    // What may be left out of the setting is never left out of the answer.
    for (_, schema) in schemas.iter_mut().filter(|(name, _)| *name == Policy::name()) {
        if let RefOr::T(Schema::Object(object)) = schema {
            object.required = object.properties.keys().cloned().collect();
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
    ObjectBuilder::new()
        .property("policy", policy)
        .property("signed", text("The policy as text, which is what is signed"))
        .property("signature", text("Ed25519 over `chatehr policy 1`, a line feed and that text; base64url"))
        .property("publicKey", text("The server's public key; base64url"))
        .required("policy")
        .required("signed")
        .required("signature")
        .required("publicKey")
        .into()
}

/// POST /audit/anchors.
pub(crate) fn signed_anchor(_: &mut Schemas) -> RefOr<Schema> {
    ObjectBuilder::new()
        .property("deviceId", text("Whose log"))
        .property("count", ObjectBuilder::new().schema_type(Type::Integer))
        .property("head", text("The hash of its latest entry, in hexadecimal"))
        .property("at", Timestamp::schema())
        .property("signature", text("Ed25519, in hexadecimal"))
        .required("deviceId")
        .required("count")
        .required("head")
        .required("at")
        .required("signature")
        .into()
}

/// GET /changes.
pub(crate) fn change_page(schemas: &mut Schemas) -> RefOr<Schema> {
    let records = [
        ("consultation", model::<Consultation>(schemas)),
        ("appointment", model::<Appointment>(schemas)),
        ("message", model::<Message>(schemas)),
        ("receipt", model::<Receipt>(schemas)),
    ];
    let tag = |word: &str| ObjectBuilder::new().schema_type(Type::String).enum_values(Some([word]));
    let gone = ObjectBuilder::new()
        .property("type", tag("gone"))
        .property("of", text("What kind of record, in the words of this list"))
        .property("id", text("Which"))
        .required("type")
        .required("of")
        .required("id");
    let change = records.into_iter().fold(OneOfBuilder::new().item(gone), |change, (word, record)| {
        let one = ObjectBuilder::new().property("type", tag(word)).property("record", record);
        change.item(one.required("type").required("record"))
    });
    ObjectBuilder::new()
        .property("changes", ArrayBuilder::new().items(RefOr::T(Schema::from(change.build()))))
        .property("nextCursor", text("Where the next page begins"))
        .property("hasMore", ObjectBuilder::new().schema_type(Type::Boolean))
        .required("changes")
        .required("nextCursor")
        .required("hasMore")
        .into()
}

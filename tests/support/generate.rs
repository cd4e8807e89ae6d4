//! Makes Hubble's wire types of `src/hubble/wire/hubble.proto`: structs by prost, their JSON by pbjson.

use std::path::Path;

use prost::Message;

const PROTO: &str = "src/hubble/wire/hubble.proto";
/// The one type that is written by hand: its JSON is a text.
const TIME: (&str, &str) = (".google.protobuf.Timestamp", "crate::hubble::wire::Time");
/// These have no JSON, or one by hand: pbjson writes the oneof of an answer after its other fields, Hubble before them.
const NO_JSON: [&str; 9] = [
    ".hubble.GetFlowsRequest",
    ".hubble.Experimental",
    ".hubble.FlowFilter",
    ".hubble.GetFlowsResponse",
    ".hubble.ServerStatusRequest",
    ".hubble.ServerStatusResponse",
    ".hubble.GetNodesRequest",
    ".hubble.GetNodesResponse",
    ".hubble.Node",
];

/// The generated files: name and text.
pub(crate) fn files() -> Vec<(&'static str, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let descriptors = protox::compile([root.join(PROTO)], [root.join("src/hubble/wire")]).unwrap();
    let mut json = pbjson_build::Builder::new();
    json.register_descriptors(&descriptors.encode_to_vec())
        .unwrap()
        .extern_path(TIME.0, TIME.1)
        .exclude(NO_JSON)
        .preserve_proto_field_names()
        .ignore_unknown_fields()
        .ignore_unknown_enum_variants()
        .out_dir(folder.path())
        .build(&[".hubble"])
        .unwrap();
    prost_build::Config::new()
        .extern_path(TIME.0, TIME.1)
        .boxed(".hubble.GetFlowsResponse.item.flow")
        .out_dir(folder.path())
        .compile_fds(descriptors)
        .unwrap();
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    vec![("messages.rs", text("hubble.rs")), ("json.rs", numbers_without_a_name(&text("hubble.serde.rs")))]
}

/// A newer Hubble has numbers without a name here: pbjson refuses them, protobuf's JSON has the number.
fn numbers_without_a_name(code: &str) -> String {
    let write = regex::Regex::new(r#"let v = (\w[\w:]*)::try_from\(self\.([\w#]+)\)\s*\.map_err\(.*\)\?;"#).unwrap();
    let read = regex::Regex::new(r"Some\(map_\.next_value::<(\w[\w:]*)>\(\)\? as i32\)").unwrap();
    let code = write.replace_all(code, "let v = crate::hubble::wire::Named::<$1>::new(self.$2);");
    read.replace_all(&code, "Some(map_.next_value::<crate::hubble::wire::Named<$1>>()?.number)").into_owned()
}

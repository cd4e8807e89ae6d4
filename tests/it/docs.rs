//! What the README says of the procedure is what the program says of it.

use cutover::domain::strategy;

#[test]
fn the_readmes_strategies_are_the_programs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (head, rest) = readme.split_once("<!-- strategies -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- /strategies -->").unwrap();
    let wanted = format!("{head}<!-- strategies -->\n{}<!-- /strategies -->{tail}", strategy::markdown());
    if std::env::var_os("INSTA_UPDATE").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    assert_eq!(readme, wanted, "INSTA_UPDATE=always cargo test docs writes it");
}

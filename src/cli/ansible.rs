//! `cutover plan --ansible DIR`: the migration as playbooks and an inventory, for those who run Ansible. What is in them
//! is made in [`playbook`]; here it is written.

use std::{fs, io::Write, os::unix::fs::DirBuilderExt, path::Path};

use super::{Exit, output, session::Failed};
use crate::domain::{
    api::{Migration, MigrationSpec},
    playbook::{self, File, REPORTS, SETTINGS},
    values,
    view::View,
};

/// What stands above every file.
const HEAD: &str = "\
# Written by `cutover plan --ansible`; it writes this file again. kubectl, helm and cutover run on the machine that runs
# Ansible, with its kubeconfig. Every change is one that `cutover plan` prints, with its command; between two of them
# stands what has to be seen. It can be run again: what is done is not done again.
#   ansible-playbook -i inventory.yml site.yml                       every phase but those that are hard to undo
#   ansible-playbook -i inventory.yml site.yml --tags PHASE          one phase; those that are hard to undo only so
#   ansible-playbook -i inventory.yml back.yml --limit NODE          one node back to Flannel
#   ansible-playbook -i inventory.yml back-all.yml -e confirm=CONTEXT  everything back
# The tasks of a node are written again when its turn comes, by `cutover plan --ansible . --node NODE`, those that take
# back what was done to the cluster by `cutover plan --ansible . --back`; with -e plan_again=false they are run as they are. Not looked at here: flows, leaked addresses, replacements of what was
# evicted. Consents beyond evictions need Cutover.
";

/// Writes everything into a folder, over what an earlier plan left there.
pub(super) fn write(view: &View<'_>, folder: &Path, context: &str) -> Result<(), Failed> {
    make(&folder.join(REPORTS))?;
    for file in playbook::files(view, context) {
        write_one(folder, &file)?;
    }
    let folder = folder.display();
    output::line(&format!(
        "Written to {folder}. Read it, then: ansible-playbook -i {folder}/inventory.yml {folder}/site.yml\n(site.yml says how to run the rest, and the way back)"
    ));
    Ok(())
}

/// Writes the tasks of one node again.
pub(super) fn write_node(view: &View<'_>, folder: &Path, node: &str) -> Result<(), Failed> {
    let Some(node) = view.facts.nodes.get(node) else {
        let message = format!("node/{node} is not in the cluster. Nothing was changed; write the playbooks again");
        return Err(Failed::new(Exit::Usage, message));
    };
    playbook::node(view, node).iter().try_for_each(|file| write_one(folder, file))
}

/// Writes the tasks again that take back what was done to the cluster.
pub(super) fn write_back(view: &View<'_>, folder: &Path) -> Result<(), Failed> {
    playbook::cluster_back(view).iter().try_for_each(|file| write_one(folder, file))
}

/// The settings that the playbooks in a folder were written with.
pub(super) fn settings(folder: &Path) -> Result<MigrationSpec, Failed> {
    let path = folder.join(SETTINGS);
    let failed = |why: String| {
        let message = format!("{} cannot be read: {why}. Write the playbooks again", path.display());
        Failed::new(Exit::Usage, message)
    };
    let text = fs::read_to_string(&path).map_err(|e| failed(e.to_string()))?;
    let migration: Migration =
        serde_json::from_value(values::parse(&text).map_err(failed)?).map_err(|e| failed(e.to_string()))?;
    Ok(migration.spec)
}

/// For its owner alone, and complete or not at all: a play may read it.
fn write_one(folder: &Path, (name, content): &File) -> Result<(), Failed> {
    let path = folder.join(name);
    let parent = path.parent().unwrap_or(folder);
    make(parent)?;
    let failed = |e: &dyn std::fmt::Display| not_written(&path, e);
    let yaml = serde_saphyr::to_string(content).map_err(|e| failed(&e))?;
    let mut part = tempfile::NamedTempFile::new_in(parent).map_err(|e| failed(&e))?;
    part.write_all(HEAD.as_bytes()).and_then(|()| part.write_all(yaml.as_bytes())).map_err(|e| failed(&e))?;
    part.persist(&path).map_err(|e| failed(&e))?;
    Ok(())
}

fn make(folder: &Path) -> Result<(), Failed> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| not_written(folder, &e))
}

fn not_written(path: &Path, why: &dyn std::fmt::Display) -> Failed {
    Failed::new(Exit::Failed, format!("{} was not written: {why}. Nothing on the cluster was changed", path.display()))
}

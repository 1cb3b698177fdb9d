//! Turns what `make web` left in `admin-ui/build` into the table that `http/pages.rs` serves: each file with its
//! compressed twins, a hash, and, for a page, the hashes of its inline scripts.
#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../admin-ui/build");
    println!("cargo::rerun-if-changed={}", root.display());
    if !root.join("index.html").exists() {
        println!("cargo::error=the web interface is not built yet: run `make web` first");
        return Ok(());
    }
    let (root, mut files) = (root.canonicalize()?, Vec::new());
    walk(&root, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        entry(&mut table, &root, file)?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("pages.rs"), table)?;
    Ok(())
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for found in fs::read_dir(directory)? {
        let path = found?.path();
        let twin = path.extension().is_some_and(|e| e == "br" || e == "gz");
        if path.is_dir() {
            walk(&path, files)?;
        } else if !twin {
            files.push(path);
        }
    }
    Ok(())
}

fn entry(table: &mut String, root: &Path, file: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = fs::read(file)?;
    let media = match file.extension().and_then(|e| e.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("ps1") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        _ => return Err(format!("no media type is known for {}", file.display()).into()),
    };
    let scripts =
        if media.starts_with("text/html") { inline_scripts(std::str::from_utf8(&bytes)?) } else { Vec::new() };
    let path = format!("/{}", file.strip_prefix(root)?.display());
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes));
    writeln!(table, "Page {{ path: {path:?}, media: {media:?}, hash: {hash:?}, scripts: &{scripts:?},")?;
    writeln!(
        table,
        "identity: include_bytes!({file:?}), {}, {} }},",
        twin(file, "brotli", "br"),
        twin(file, "gzip", "gz")
    )?;
    Ok(())
}

fn twin(file: &Path, field: &str, extension: &str) -> String {
    let twin = PathBuf::from(format!("{}.{extension}", file.display()));
    if twin.exists() { format!("{field}: Some(include_bytes!({twin:?}))") } else { format!("{field}: None") }
}

/// The CSP sources of the scripts that stand in the page itself.
fn inline_scripts(page: &str) -> Vec<String> {
    let scripts = page.split("<script").skip(1).filter_map(|rest| rest.split_once("</script>")?.0.split_once('>'));
    let inline = scripts.filter(|(attributes, _)| !attributes.contains("src="));
    inline.map(|(_, text)| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))).collect()
}

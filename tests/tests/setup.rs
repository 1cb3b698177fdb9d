//! A gateway that is not set up yet, and a browser on the office LAN.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{bail, ensure};
use office::addresses::{GATEWAY_LAN, OFFICE_DNS};

use office::gateway::binary;
use office::{Browser, Home, OfficeOptions, Terminal, scenario};
use serde_json::json;

#[test]
fn from_a_code_on_the_console_to_the_first_invitation() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let folder = office.directory().join("web");
        fs::create_dir_all(&folder)?;
        let (at, file) = (folder.display(), folder.join("passerelle.toml"));
        fs::write(
            &file,
            format!("# ours\nstate_dir = \"{at}/state\"\nruntime_dir = \"{at}/run\"\ninterface = \"pass0\"\n"),
        )?;
        let command = |words: &[&str]| -> anyhow::Result<Vec<String>> {
            let program = binary()?.to_string_lossy().into_owned();
            let config = ["--config".to_owned(), file.to_string_lossy().into_owned()];
            Ok([program].into_iter().chain(config).chain(words.iter().map(|&w| w.to_owned())).collect())
        };
        let mut console = Terminal::start(&office.gw, command(&["setup", "--web", "--office-interface", "lan0"])?)?;
        console.see(&format!("https://{GATEWAY_LAN}:8443/"))?;
        console.see("Then type this code")?;
        let code_file = folder.join("run/setup-code");
        console.see(&code_file.display().to_string())?;
        let code = fs::read_to_string(&code_file)?.trim().to_owned();
        ensure!(fs::metadata(&code_file)?.permissions().mode() & 0o777 == 0o600, "others read the code");
        // From the internet nobody gets there.
        let home = office.home(Home::A);
        let out = home.run(["curl", "-sk", "--max-time", "3", &format!("https://{GATEWAY_LAN}:8443/")])?;
        ensure!(out.code != 0, "it is there for the internet: {}", out.both());

        let browser = Browser::new(office, &office.pc, None)?.with_limit(Duration::from_secs(180));
        let mut certificate = String::new();
        browser.run("setup.ts", |wanted| {
            Ok(match wanted.split_once(' ').unwrap_or((wanted, "")) {
                ("setup", _) => json!({ "address": format!("https://{GATEWAY_LAN}:8443/"), "code": code }).to_string(),
                ("resolver", _) => OFFICE_DNS.to_string(),
                ("certificate", shown) => {
                    certificate = shown.to_owned();
                    String::from("taken")
                }
                other => bail!("the script wants `{other:?}`"),
            })
        })?;
        ensure!(!code_file.exists(), "the code is still there");
        let told = format!(
            "openssl s_client -connect {GATEWAY_LAN}:8443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
        );
        let shown = office.pc.ok(["sh", "-c", &told])?;
        ensure!(shown.contains(&certificate) && certificate.len() == 95, "{certificate}: {shown}");
        let text = fs::read_to_string(&file)?;
        ensure!(text.starts_with("# ours\n") && text.contains(":8445\"]"), "{text}");
        let status = office.gw.run(command(&["status"])?)?;
        ensure!(status.code == 0, "{}", status.both());
        let again = office.gw.run(command(&["setup", "--web"])?)?;
        ensure!(again.code == 1 && again.stderr.contains("set up already"), "{}", again.both());
        // With its console the gateway ends.
        drop(console);
        Ok(())
    })
}

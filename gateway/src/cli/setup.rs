//! The first steps on a new gateway: who, which name, which network, and the first administrator.
//!
//! Everything is guessed, asked or shown, and can be corrected before the last question; with `--yes` the guesses and
//! the flags are taken as they are. Nothing is changed before that last question.

mod form;
mod web;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::Args;
use provisioning::addresses::SiteNetwork;
use serde_json::json;

use self::form::{Field, Form, Seen};
use super::input::{Input, Left, tell};
use super::output::{say, say_json};
use super::probe::{self, Probed};
use crate::config::{Config, DEFAULT_PATH};
use crate::detect::Network;
use crate::dns::ask;
use crate::firewall::probe::forwards;
use crate::pure::site;

/// Where the router forwards strangers to: 443 is the office's.
const INTERNET: u16 = 8445;

#[derive(Debug, Args)]
pub(super) struct Setup {
    /// Take guesses and flags as they are, ask nothing
    #[arg(long)]
    yes: bool,
    /// Ask in a browser on the office LAN instead of here; then start the gateway
    #[arg(long, conflicts_with_all = ["yes", "apply_cure", "no_probe"])]
    web: bool,
    /// Whose gateway this is
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Public name: portal and WireGuard endpoint, such as door.example.org
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where devices find WireGuard from the internet; the public name and the first port if absent
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,
    /// Interface in the office LAN; detected if absent
    #[arg(long, value_name = "INTERFACE")]
    office_interface: Option<String>,
    /// The office LAN, to check that the right interface was found
    #[arg(long, value_name = "NETWORK")]
    office_subnet: Option<String>,
    /// IPv4 /16 for devices and aliases; drawn at random if absent
    #[arg(long, value_name = "NETWORK")]
    site_network: Option<String>,
    /// IPv6 unique local /48 for the same; drawn at random if absent
    #[arg(long, value_name = "NETWORK")]
    site_network6: Option<String>,
    /// A DNS server of the office, with or without port; may be repeated; detected if absent
    #[arg(long = "resolver", value_name = "ADDRESS")]
    resolvers: Vec<String>,
    /// A DNS zone of the office, such as corp.example.org; may be repeated; detected if absent
    #[arg(long = "office-zone", value_name = "ZONE")]
    office_zones: Vec<String>,
    /// The office router has a route back to the site network: let the office see devices' own addresses
    #[arg(long)]
    no_masquerade: bool,
    /// People at home open invitations from the internet: the router forwards TCP 443 to port 8445 of this machine
    #[arg(long)]
    from_home: bool,
    /// Login of the first administrator
    #[arg(long, value_name = "LOGIN")]
    admin: Option<String>,
    /// Name for people of the first administrator; the login if absent
    #[arg(long, value_name = "NAME")]
    admin_name: Option<String>,
    /// Language of the first administrator: en, fr, nl, ca or es; this terminal's if absent
    #[arg(long, value_name = "LANGUAGE")]
    admin_language: Option<String>,
    /// If another firewall on this machine drops packets on their way to the office: apply the cure that is shown
    #[arg(long)]
    apply_cure: bool,
    /// Do not send the probe packet towards the office
    #[arg(long)]
    no_probe: bool,
}

impl Setup {
    pub(super) fn run(
        &self,
        config: anyhow::Result<Config>,
        path: Option<&Path>,
        json: bool,
    ) -> anyhow::Result<ExitCode> {
        let path = path.unwrap_or(Path::new(DEFAULT_PATH));
        let absent = !path.exists();
        let config = if absent { Config::default() } else { config? };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
        runtime.block_on(self.may_run(&config))?;
        let seen = self.look(&config)?;
        if self.web {
            return runtime.block_on(self.in_a_browser(seen, config, path, absent));
        }
        let (form, asked) = self.answers(&seen, json).context("nothing was changed")?;
        let kept = match form.is_opened_from_home().then(|| seen.office_address(&form)).flatten() {
            Some(ip) if config.internet_listen.is_empty() => {
                Config { internet_listen: vec![SocketAddr::new(ip, INTERNET)], ..config.clone() }
            }
            _ => config.clone(),
        };
        let boot = form.finish().context("an answer is missing")?;
        if absent {
            write_config(path, &kept)?;
        } else {
            extend_config(path, &config, &kept)?;
        }
        let interface = boot.office_interface.clone();
        let login = boot.admin_login.clone();
        let token = runtime.block_on(crate::app::first_boot(&config, boot))?.token;
        // The invitation is shown this once: what goes wrong from here on must not keep it from being shown.
        let probed = (!self.no_probe).then(|| probe::probe(&config, &interface, self.cure()));
        let probed = probed.map(|p| p.unwrap_or_else(|error| Probed::failed(&error)));
        if json {
            say_json(&json!({ "admin": login, "token": token, "probe": probed, "resolvers": asked }))?;
            return Ok(ExitCode::SUCCESS);
        }
        say_way(probed.as_ref());
        say(format_args!("\nThe gateway is set up. The invitation of {login}, shown this once:\n\n    {token}\n"));
        say("Next:");
        say(
            "  1. systemctl enable --now passerelle.target     (without systemd: passerelle run, in a terminal of its own)",
        );
        say(format_args!(
            "  2. passerelle invitation redeem                 ({login} chooses a password and scans two QR codes)"
        ));
        Ok(ExitCode::SUCCESS)
    }

    /// Asks there, and then becomes the gateway: by systemd where there is one, else by this very process.
    async fn in_a_browser(&self, seen: Seen, config: Config, path: &Path, absent: bool) -> anyhow::Result<ExitCode> {
        match web::serve(seen, config, path, absent, web::Answers::from_flags(|field| self.flag(field))).await? {
            web::Ended::Late => {
                anyhow::bail!("nobody finished in time; nothing was changed. Start `passerelle setup --web` again")
            }
            web::Ended::Left => Err(Left).context("nothing was changed"),
            web::Ended::Done(at) => start(at, path),
        }
    }

    fn cure(&self) -> probe::Cure {
        match (self.apply_cure, self.yes || !std::io::stdin().is_terminal()) {
            (true, _) => probe::Cure::Apply,
            (false, true) => probe::Cure::Show,
            (false, false) => probe::Cure::Ask,
        }
    }

    async fn may_run(&self, config: &Config) -> anyhow::Result<()> {
        anyhow::ensure!(rustix::process::geteuid().is_root(), "setup needs root: run it with sudo");
        let database = config.database();
        anyhow::ensure!(
            !database.is_set_up().await?,
            "this gateway is set up already (in {database}); `passerelle settings` shows and changes it. To begin anew, \
             losing every user and device: stop the gateway, and remove {} and all that is in that database first",
            config.state_dir.display()
        );
        anyhow::ensure!(
            self.yes || self.web || std::io::stdin().is_terminal(),
            "setup asks questions and there is no terminal: give --yes with --organisation, --name and --admin, or --web to be asked in a browser"
        );
        Ok(())
    }

    /// What this machine says of itself.
    fn look(&self, config: &Config) -> anyhow::Result<Seen> {
        let network = Network::detect().context("look at this machine's network")?;
        let subnet = self.office_subnet.as_deref().map(site::network).transpose();
        let mut filled = Ok(());
        let random = |bytes: &mut [u8]| filled = filled.and(getrandom::fill(bytes));
        let drawn = SiteNetwork::draw(random, &network.taken());
        filled.context("the kernel gives no randomness")?;
        Ok(Seen {
            network,
            tunnel: config.interface.clone(),
            port: config.ports.first().copied().unwrap_or(51820),
            office_subnet: subnet.map_err(|e| anyhow::anyhow!("--office-subnet: {e}"))?,
            drawn,
            host_name: host_name(),
        })
    }

    fn flag(&self, field: Field) -> Option<String> {
        let joined = |words: &[String]| (!words.is_empty()).then(|| words.join(" "));
        match field {
            Field::Organisation => self.organisation.clone(),
            Field::PublicName => self.name.clone(),
            Field::Endpoint => self.endpoint.clone(),
            Field::OfficeInterface => self.office_interface.clone(),
            Field::SiteNetwork => {
                joined(&[&self.site_network, &self.site_network6].into_iter().flatten().cloned().collect::<Vec<_>>())
            }
            Field::Resolvers => joined(&self.resolvers),
            Field::OfficeZones => joined(&self.office_zones),
            Field::Masquerade => self.no_masquerade.then(|| "no".to_owned()),
            Field::FromHome => self.from_home.then(|| "yes".to_owned()),
            Field::Admin => self.admin.clone(),
            Field::AdminName => self.admin_name.clone(),
            Field::AdminLanguage => self.admin_language.clone(),
        }
    }

    /// All answers, and how the DNS servers did; shown, and corrected until they are right.
    fn answers(&self, seen: &Seen, json: bool) -> anyhow::Result<(Form, Vec<ask::Asked>)> {
        let mut form = Form::fill(|field| self.flag(field), seen, !self.yes)?;
        loop {
            let asked = ask::ask(&form.resolvers, &form.zones);
            let mut text = format!("\n{}", form.summary(seen));
            for sentence in dns_warnings(&form, &asked) {
                text.push_str("\n! ");
                text.push_str(&sentence);
            }
            match (self.yes, json) {
                (true, true) => return Ok((form, asked)),
                (true, false) => {
                    say(format_args!("{text}\n"));
                    return Ok((form, asked));
                }
                _ => tell(format_args!("{text}\n")),
            }
            match which_to_change()? {
                Some(field) => form.change(field, seen)?,
                None => return Ok((form, asked)),
            }
        }
    }
}

fn dns_warnings(form: &Form, asked: &[ask::Asked]) -> Vec<String> {
    const HOW: &str = "Name one that does (line 6, or --resolver).";
    if form.resolvers.is_empty() {
        return vec![format!("no DNS server: while the tunnel is on, names fail for devices. {HOW}")];
    }
    asked.iter().filter_map(|a| a.sentence(HOW)).collect()
}

/// A number, or yes.
fn which_to_change() -> anyhow::Result<Option<Field>> {
    loop {
        let typed = Input::Terminal.line("Is this right? yes, or the number of the line to change [yes]:")?;
        let text = typed.trim().to_lowercase();
        if ["", "y", "yes"].contains(&text.as_str()) {
            return Ok(None);
        }
        let number = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        match number.and_then(|at| Field::ALL.get(at)) {
            Some(field) => return Ok(Some(*field)),
            None => tell(format_args!(
                "Please type yes, or a number from 1 to {}; Ctrl-C leaves, and nothing is changed.",
                Field::ALL.len()
            )),
        }
    }
}

/// What the probe found; without one, what can be known without it.
fn say_way(probed: Option<&Probed>) {
    match probed {
        Some(probed) if probed.passes => say(format_args!("The way into the office: {}.", probed.sentence)),
        Some(probed) => {
            if !probed.shown {
                say(format_args!("The way into the office: {probed}"));
            }
            say("Until this is cured, nothing passes into the office. `passerelle doctor` tries again.");
        }
        None if forwards() == Some(false) => say(
            "The way into the office was not tried, but this machine forwards no packets (net.ipv4.ip_forward is 0): \
             `passerelle doctor` has the cure.",
        ),
        None => say("The way into the office was not tried: `passerelle doctor` does."),
    }
}

/// The name this machine gives itself, if it is a whole one.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (name.contains('.') && !name.ends_with(".local") && !name.ends_with(".localdomain")).then(|| name.to_owned())
}

/// The gateway runs from here on.
fn start(at: SocketAddr, path: &Path) -> anyhow::Result<ExitCode> {
    if has_systemd() {
        let socket = format!("passerelle-office@{}.socket", at.ip());
        let units = ["enable", "--now", "passerelle.target", &socket];
        let status = Command::new("systemctl").args(units).status().context("run systemctl")?;
        anyhow::ensure!(status.success(), "systemctl {} failed: its reason is in the lines above", units.join(" "));
        say("The gateway is set up, and starts.");
        return Ok(ExitCode::SUCCESS);
    }
    say("The gateway is set up. It runs in this terminal now; Ctrl-C ends it, `passerelle run` starts it again.\n");
    let program = std::env::current_exe().context("find this program's own file")?;
    Err(Command::new(program).arg("--config").arg(path).arg("run").exec()).context("become `passerelle run`")
}

/// Whether this machine's services are systemd's (sd_booted(3)).
fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Adds what was decided to a file that is there; what stands in it stays.
fn extend_config(path: &Path, before: &Config, after: &Config) -> anyhow::Result<()> {
    let named = || format!("add to configuration {}", path.display());
    let listed = |all: &[SocketAddr]| all.iter().map(|at| format!("\"{at}\"")).collect::<Vec<_>>().join(", ");
    let mut text = std::fs::read_to_string(path).with_context(named)?;
    let length = text.len();
    for (key, before, after) in [
        ("office_listen", &before.office_listen, &after.office_listen),
        ("internet_listen", &before.internet_listen, &after.internet_listen),
    ] {
        if before != after {
            // A key that is there and empty would be there twice.
            text = text
                .lines()
                .filter(|line| line.split('=').next().map(str::trim) != Some(key))
                .fold(String::new(), |t, l| t + l + "\n");
            text.push_str(&format!("{key} = [{}]\n", listed(after)));
        }
    }
    if text.len() == length {
        return Ok(());
    }
    Config::parse(&text, path)?;
    std::fs::write(path, text).with_context(named)
}

fn write_config(path: &Path, config: &Config) -> anyhow::Result<()> {
    let named = || format!("write configuration {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(named)?;
    }
    let text = toml::to_string(config).with_context(named)?;
    let text = format!(
        "# Passerelle. Every key has a default; unknown keys are refused. The rest is in the database.\n{text}"
    );
    std::fs::write(path, text).with_context(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_it_writes_is_the_config_it_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/passerelle.toml");
        write_config(&path, &Config::default()).unwrap();
        assert_eq!(Config::load(Some(&path)).unwrap(), Config::default());
    }
}

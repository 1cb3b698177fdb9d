//! The first steps on a new gateway: who, which name, which network, and the first administrator.
//!
//! Everything is guessed, shown and confirmed; with `--yes` the guesses and the flags are taken as they are. Nothing is
//! changed before the last question.

use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use provisioning::addresses::SiteNetwork;
use serde_json::json;

use super::detect::Network;
use super::output::{say, say_json, table};
use super::probe;
use crate::app::FirstBoot;
use crate::config::{Config, DEFAULT_PATH};

/// Port of DNS.
const DNS: u16 = 53;

#[derive(Debug, Args)]
pub(super) struct Setup {
    /// Take guesses and flags as they are, ask nothing
    #[arg(long)]
    yes: bool,
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
    office_subnet: Option<IpNet>,
    /// IPv4 /16 for devices and aliases; drawn at random if absent
    #[arg(long, value_name = "NETWORK")]
    site_network: Option<Ipv4Net>,
    /// IPv6 unique local /48 for the same; drawn at random if absent
    #[arg(long, value_name = "NETWORK")]
    site_network6: Option<Ipv6Net>,
    /// A DNS server of the office, with or without port; may be repeated; detected if absent
    #[arg(long = "resolver", value_name = "ADDRESS", value_parser = parse_resolver)]
    resolvers: Vec<SocketAddr>,
    /// A DNS zone of the office, such as corp.example.org; may be repeated; detected if absent
    #[arg(long = "office-zone", value_name = "ZONE")]
    office_zones: Vec<String>,
    /// The office router has a route back to the site network: let the office see devices' own addresses
    #[arg(long)]
    no_masquerade: bool,
    /// Login of the first administrator
    #[arg(long, value_name = "LOGIN")]
    admin: Option<String>,
    /// Name for people of the first administrator; the login if absent
    #[arg(long, value_name = "NAME")]
    admin_name: Option<String>,
    /// Language of the first administrator
    #[arg(long, value_name = "LANGUAGE", default_value = "en", value_parser = ["en", "fr", "nl", "ca", "es"])]
    admin_language: String,
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
        let network = Network::detect().context("look at this machine's network")?;
        let boot = self.first_boot(&config, &network)?;
        if !json {
            show(&boot, &network);
        }
        if !self.yes && !ask_yes("Is this right?", true)? {
            anyhow::bail!("nothing was changed; run `passerelle setup` again, with flags for what was guessed wrong");
        }
        if absent {
            write_config(path, &config)?;
        }
        let interface = boot.office_interface.clone();
        let login = boot.admin_login.clone();
        let token = runtime.block_on(crate::app::first_boot(&config, boot))?;
        // The invitation is shown this once: what goes wrong from here on must not keep it from being shown.
        let probed = (!self.no_probe).then(|| probe::probe(&config.interface, &interface, self.cure()));
        if json {
            let probed = probed.map(|p| p.unwrap_or_else(|error| probe::Probed::failed(&error)));
            say_json(&json!({ "admin": login, "token": token, "probe": probed }))?;
            return Ok(ExitCode::SUCCESS);
        }
        match probed {
            Some(Ok(probed)) => say(format_args!("The way into the office: {probed}.")),
            Some(Err(error)) => say(format_args!(
                "The way into the office could not be tried: {error:#}. `passerelle doctor` tries again."
            )),
            None => {}
        }
        say(format_args!("\nThe gateway is set up. The invitation of {login}, shown this once:\n\n    {token}\n"));
        say("Next:");
        say("  1. systemctl enable --now passerelle.target     (or, for a trial: passerelle run)");
        say(format_args!(
            "  2. passerelle invitation redeem                 ({login} chooses a password and scans two QR codes)"
        ));
        Ok(ExitCode::SUCCESS)
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
            "this gateway is set up already (in {database}). Its settings are changed with the other commands; to begin \
             anew, losing every user and device, stop the gateway, and remove {} and all that is in that database first",
            config.state_dir.display()
        );
        anyhow::ensure!(
            self.yes || std::io::stdin().is_terminal(),
            "setup asks questions and there is no terminal: give --yes with --organisation, --name and --admin"
        );
        Ok(())
    }

    fn first_boot(&self, config: &Config, network: &Network) -> anyhow::Result<FirstBoot> {
        let organisation =
            self.answer(self.organisation.as_deref(), "Whose gateway is this?", None, "--organisation")?;
        let public_name = self.answer(
            self.name.as_deref(),
            "Public name, such as door.example.org",
            host_name().as_deref(),
            "--name",
        )?;
        let public_name = public_name.trim_end_matches('.').to_lowercase();
        let port = config.ports.first().copied().unwrap_or(51820);
        let guess = format!("{public_name}:{port}");
        let endpoint = self.answer(
            self.endpoint.as_deref(),
            "WireGuard endpoint, as the internet sees it",
            Some(&guess),
            "--endpoint",
        )?;
        let endpoint = check_endpoint(endpoint)?;
        let guess = network.office().map(|i| i.name.clone());
        let office_interface = self.answer(
            self.office_interface.as_deref(),
            "Interface in the office LAN",
            guess.as_deref(),
            "--office-interface",
        )?;
        self.check_interface(network, &office_interface)?;
        let admin_login = self.answer(self.admin.as_deref(), "Login of the first administrator", None, "--admin")?;
        let admin_display_name = self.admin_name.clone().unwrap_or_else(|| admin_login.clone());
        let resolvers = if self.resolvers.is_empty() { network.resolver_sockets() } else { self.resolvers.clone() };
        let zones = if self.office_zones.is_empty() { network.zones.clone() } else { self.office_zones.clone() };
        Ok(FirstBoot {
            organisation,
            public_name,
            endpoint,
            office_interface,
            site: self.site(network)?,
            resolvers,
            office_zones: zones.iter().map(|z| z.trim_end_matches('.').to_lowercase()).collect(),
            masquerade: !self.no_masquerade,
            admin_login,
            admin_display_name,
            admin_language: self.admin_language.clone(),
        })
    }

    /// The flag, else the answer, else (with `--yes`) the guess.
    fn answer(&self, flag: Option<&str>, question: &str, guess: Option<&str>, name: &str) -> anyhow::Result<String> {
        let text = match (flag, guess) {
            (Some(text), _) => text.to_owned(),
            (None, Some(guess)) if self.yes => guess.to_owned(),
            (None, None) if self.yes => anyhow::bail!("with --yes, {name} must be given: it cannot be guessed"),
            (None, guess) => {
                let input = dialoguer::Input::<String>::new().with_prompt(question);
                let input = guess.map_or(input.clone(), |guess| input.default(guess.to_owned()));
                input.interact_text().context("read the answer")?
            }
        };
        let text = text.trim().to_owned();
        anyhow::ensure!(!text.is_empty() && !text.contains(char::is_control), "{name}: one line of text is expected");
        Ok(text)
    }

    fn check_interface(&self, network: &Network, name: &str) -> anyhow::Result<()> {
        let all = || network.interfaces.iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ");
        let interface =
            network.interface(name).with_context(|| format!("there is no interface {name}; there are: {}", all()))?;
        if let Some(subnet) = self.office_subnet {
            let fits = interface.addresses.iter().any(|a| a.trunc() == subnet.trunc());
            anyhow::ensure!(
                fits,
                "interface {name} is not in {}; give the right --office-interface or --office-subnet",
                subnet.trunc()
            );
        }
        Ok(())
    }

    fn site(&self, network: &Network) -> anyhow::Result<SiteNetwork> {
        let mut filled = Ok(());
        let random = |bytes: &mut [u8]| filled = filled.and(getrandom::fill(bytes));
        let taken = network.taken();
        let drawn = SiteNetwork::draw(random, &taken);
        filled.context("the kernel gives no randomness")?;
        let drawn = || {
            drawn.context("no network between 10.64.0.0 and 10.223.0.0 is free here; choose one with --site-network")
        };
        let v4 = self.site_network.map_or_else(|| drawn().map(|site| site.v4), Ok)?;
        let v6 = self.site_network6.map_or_else(|| drawn().map(|site| site.v6), Ok)?;
        let site = SiteNetwork::new(v4, v6)?;
        for net in &taken {
            let clash = match net {
                IpNet::V4(net) => {
                    net.prefix_len() > 0 && (site.v4.contains(&net.network()) || net.contains(&site.v4.network()))
                }
                IpNet::V6(net) => {
                    net.prefix_len() > 7 && (site.v6.contains(&net.network()) || net.contains(&site.v6.network()))
                }
            };
            anyhow::ensure!(!clash, "this machine uses {net} already: choose another --site-network");
        }
        Ok(site)
    }
}

fn show(boot: &FirstBoot, network: &Network) {
    let subnet = network.interface(&boot.office_interface).and_then(super::detect::Interface::subnet);
    let subnet = subnet.map_or_else(|| "no address yet".to_owned(), |net| net.trunc().to_string());
    let list = |items: Vec<String>| if items.is_empty() { "none found".to_owned() } else { items.join(", ") };
    let seen = if boot.masquerade {
        "the gateway's (no route back needed)"
    } else {
        "devices' own (the router has a route back)"
    };
    let rows = [
        ("Organisation", boot.organisation.clone()),
        ("Public name", boot.public_name.clone()),
        ("WireGuard endpoint", boot.endpoint.clone()),
        ("Office LAN", format!("{} ({subnet})", boot.office_interface)),
        ("Site network", format!("{} and {}", boot.site.v4, boot.site.v6)),
        ("Office DNS servers", list(boot.resolvers.iter().map(SocketAddr::to_string).collect())),
        ("Office DNS zones", list(boot.office_zones.clone())),
        ("Addresses the office sees", seen.to_owned()),
        ("First administrator", format!("{} ({})", boot.admin_login, boot.admin_language)),
    ];
    let rows: Vec<_> = rows.map(|(name, value)| vec![name.to_owned(), value]).into();
    say(format_args!("\n{}\n", table(&["", ""], &rows).trim_start()));
}

fn ask_yes(question: &str, default: bool) -> anyhow::Result<bool> {
    dialoguer::Confirm::new().with_prompt(question).default(default).interact().context("read the answer")
}

/// The name this machine gives itself, if it is a whole one.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (name.contains('.') && !name.ends_with(".local") && !name.ends_with(".localdomain")).then(|| name.to_owned())
}

fn check_endpoint(text: String) -> anyhow::Result<String> {
    let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
        let host_fits = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.[]:".contains(&b));
        host_fits && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    anyhow::ensure!(fits, "`{text}` is no endpoint: write HOST:PORT, such as door.example.org:51820");
    Ok(text)
}

fn parse_resolver(text: &str) -> Result<SocketAddr, String> {
    let plain = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS));
    plain
        .or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is no address: write 192.168.1.1 or 192.168.1.1:5353"))
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
    fn endpoints_and_resolvers_are_checked() {
        for good in ["door.example.org:51820", "198.51.100.7:443", "[2001:db8::1]:51820"] {
            assert!(check_endpoint(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["door.example.org", "door.example.org:0", ":51820", "a b:1", "x:99999", "a\nb:1"] {
            assert!(check_endpoint(bad.to_owned()).is_err(), "{bad}");
        }
        assert_eq!(parse_resolver("192.0.2.1"), Ok("192.0.2.1:53".parse().unwrap()));
        assert_eq!(parse_resolver("[2001:db8::1]:5353"), Ok("[2001:db8::1]:5353".parse().unwrap()));
        assert!(parse_resolver("dns.example.org").is_err());
    }

    #[test]
    fn the_config_it_writes_is_the_config_it_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/passerelle.toml");
        write_config(&path, &Config::default()).unwrap();
        assert_eq!(Config::load(Some(&path)).unwrap(), Config::default());
    }
}

//! Laptops and phones.
//!
//! A key pair made here lives in this process only: the public half goes to the gateway, the private half is printed once.

use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use provisioning::keys::{PrivateKey, PublicKey};
use provisioning::wireguard::{compact, with_private_key};
use serde_json::json;

use super::Context;
use super::client::{ApiError, escape};
use super::input::{Input, tell};
use super::moment::{lasting, local};
use super::output::{list, or_dash, say, say_json, table};
use super::qr;
use super::user::carried_out;
use super::words::Language;
use crate::clock::Unix;
use crate::http::devices::{AddDevice, Device as Peer, DeviceConfig};
use crate::http::problem::Slug;
use crate::http::users::{CarriedOut, User};
use crate::ids::DeviceId;

#[derive(Debug, Subcommand)]
pub(super) enum Device {
    /// Add a device and print its WireGuard configuration
    Add(Add),
    /// Every device
    List {
        /// Only those of this login or id
        #[arg(long)]
        user: Option<String>,
    },
    /// One device
    Show {
        /// Id, or login/name
        device: String,
    },
    /// Its WireGuard configuration, without the private key
    Config {
        /// Id, or login/name
        device: String,
        #[command(flatten)]
        form: Form,
    },
    /// Shut it out, reversibly
    Disable(Cut),
    /// Let a disabled device in again
    Enable {
        /// Id, or login/name
        device: String,
    },
    /// Shut it out for good: stolen, lost, sold
    Revoke(Cut),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Login or id of its owner
    user: String,
    /// A name for people, such as laptop
    name: String,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    form: Form,
}

/// Where the key pair comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Key {
    /// The device made its pair itself; this is the public half (`wg pubkey` prints it)
    #[arg(long, value_name = "KEY")]
    public_key: Option<PublicKey>,
    /// Make the pair here; the private half is printed once and never sent to the gateway
    #[arg(long)]
    generate: bool,
}

/// How a configuration is handed over.
#[derive(Debug, Args)]
pub(super) struct Form {
    /// Also as a QR code, for the WireGuard app
    #[arg(long, conflicts_with = "json")]
    qr: bool,
    /// Into this new file, readable by its owner only, instead of the screen
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Cut {
    /// Id, or login/name
    device: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Device {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => add.run(context),
            Self::List { user } => {
                let mut devices: Vec<Peer> = context.client.get("devices")?;
                if let Some(user) = user {
                    let user: User = context.client.get(&format!("users/{}", escape(&user)))?;
                    devices.retain(|d| d.user == user.id);
                }
                let head = ["USER", "DEVICE", "STATE", "ADDRESS", "HEARD", "ID"];
                list(context.json, &devices, "No device yet. Add one with `passerelle device add`.", &head, |d| {
                    let heard = d.heard_at.map_or_else(|| "never".to_owned(), local);
                    vec![d.login.clone(), d.name.clone(), state(d), d.address4.to_string(), heard, d.id.to_string()]
                })
            }
            Self::Show { device } => show(context, &find(context, &device)?),
            Self::Config { device, form } => {
                let device = find(context, &device)?;
                let config: DeviceConfig = context.client.get(&format!("devices/{}/config", device.id))?;
                if context.json {
                    let shown = form.unless_written(&config.config)?;
                    return say_json(&json!({ "config": shown }));
                }
                form.hand_over(&config.config)
            }
            Self::Disable(cut) => cut.run(context, "disable", "Shut out", "is shut out"),
            Self::Enable { device } => {
                let device = find(context, &device)?;
                let answer = context.client.act(&format!("devices/{}/enable", device.id))?;
                carried_out(context, &answer, |_| {
                    format!("{} of {} may come in again, with password and code.", device.name, device.login)
                })
            }
            Self::Revoke(cut) => cut.run(context, "revoke", "Revoke, for good,", "is revoked"),
        }
    }
}

impl Add {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        may_be_written(self.form.output.as_deref())?;
        let private = self.key.generate.then(PrivateKey::generate).transpose()?;
        let mut login = self.user.clone();
        if private.is_some() {
            // Asked before: a pair made for a configuration that is then withheld would be lost.
            let owner: User = context.client.get(&format!("users/{}", escape(&self.user)))?;
            anyhow::ensure!(
                owner.factor_confirmed,
                "{} has not confirmed a second factor yet, so no configuration is handed out: first have the invitation \
                 redeemed (`passerelle invitation redeem`)",
                owner.login
            );
            login = owner.login;
        }
        let public_key = match (&private, self.key.public_key) {
            (Some(private), _) => private.public_key(),
            (None, Some(public)) => public,
            (None, None) => anyhow::bail!("give --public-key or --generate"),
        };
        let body = AddDevice { user: self.user, name: self.name, public_key: public_key.to_string() };
        let device = match context.client.post("devices", &body) {
            Ok(device) => device,
            // Stored, but not in force yet: a private key made here must not be lost over that.
            Err(error) if private.is_some() && not_confirmed(&error) => {
                tell(format_args!("{error:#}"));
                find(context, &format!("{login}/{}", body.name))?
            }
            Err(error) => return Err(error),
        };
        let config = match context.client.get::<DeviceConfig>(&format!("devices/{}/config", device.id)) {
            Ok(config) => config.config,
            Err(error) if private.is_none() && !context.json => {
                tell(format_args!("{} of {} is added. Its configuration: {error:#}", device.name, device.login));
                return Ok(());
            }
            Err(error) if private.is_none() => {
                return say_json(&json!({ "device": device, "withheld": format!("{error:#}") }));
            }
            Err(error) => return Err(error).context("the device is added, its configuration cannot be had"),
        };
        let config = match &private {
            Some(key) => with_private_key(&config, key),
            None => config.into(),
        };
        if context.json {
            let shown = self.form.unless_written(&config)?;
            return say_json(&json!({ "device": device, "config": shown }));
        }
        tell(format_args!("{} of {} is added.", device.name, device.login));
        if private.is_some() {
            tell("Its private key is handed out this once. Give it to the device and nobody else.");
        }
        self.form.hand_over(&config)
    }
}

impl Form {
    /// For scripts: what goes into a file is not shown besides.
    fn unless_written<'c>(&self, config: &'c str) -> anyhow::Result<Option<&'c str>> {
        match &self.output {
            Some(path) => write_new(path, config).map(|()| None),
            None => Ok(Some(config)),
        }
    }

    fn hand_over(&self, config: &str) -> anyhow::Result<()> {
        match &self.output {
            Some(path) => {
                write_new(path, config)?;
                tell(format_args!("Written to {}.", path.display()));
            }
            None => say(config.trim_end()),
        }
        if self.qr {
            let words = Language::English.words();
            let input = if std::io::stdin().is_terminal() { Input::Terminal } else { Input::Script };
            let instead = if self.output.is_some() { "" } else { words.qr_file };
            qr::show(input, &compact(config), words, instead)?;
        }
        Ok(())
    }
}

/// Stored, and not in force yet.
pub(super) fn not_confirmed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ApiError>().and_then(|e| e.0.slug()) == Some(Slug::NotConfirmed)
}

/// Asked before anything is made that could not be written then.
pub(super) fn may_be_written(path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    anyhow::ensure!(!path.exists(), "{} is there already: name a new file with --output", path.display());
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    anyhow::ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    Ok(())
}

/// A file that was not there before, for its owner's eyes.
pub(super) fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("create {} (it must not be there yet)", path.display()))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| format!("write {}", path.display()))
}

impl Cut {
    fn run(self, context: &Context, verb: &str, question: &str, done: &str) -> anyhow::Result<()> {
        let device = match find(context, &self.device) {
            Ok(device) => device,
            Err(error) if cannot_read(&error) => return self.run_unread(context, verb, question, done),
            Err(error) => return Err(error),
        };
        let (name, login) = (&device.name, &device.login);
        let back = if verb == "disable" { " (`passerelle device enable` undoes it.)" } else { "" };
        super::sure(&format!("{question} {name} of {login}?{back}"), self.yes)?;
        let answer: CarriedOut = context.client.act(&format!("devices/{}/{verb}", device.id))?;
        carried_out(context, &answer, |ms| {
            format!("{name} of {login} {done}; nothing of it passes any more (after {ms} ms).{back}")
        })
    }

    /// The gateway cannot read its database; what it read last will do.
    fn run_unread(self, context: &Context, verb: &str, question: &str, done: &str) -> anyhow::Result<()> {
        let which = &self.device;
        super::sure(&format!("{question} {which}? (The gateway cannot read its database now.)"), self.yes)?;
        let answer: CarriedOut = context.client.act(&format!("devices/{}/{verb}", escape(which)))?;
        carried_out(context, &answer, |ms| format!("{which} {done}; nothing of it passes any more (after {ms} ms)."))
    }
}

fn cannot_read(error: &anyhow::Error) -> bool {
    let slug = error.downcast_ref::<ApiError>().and_then(|e| e.0.slug());
    matches!(slug, Some(Slug::CannotStore | Slug::Unavailable))
}

/// By id, or by `login/name`; a name given twice means the one that is not revoked.
pub(super) fn find(context: &Context, which: &str) -> anyhow::Result<Peer> {
    if let Ok(id) = which.parse::<DeviceId>() {
        return context.client.get(&format!("devices/{id}"));
    }
    let Some((login, name)) = which.split_once('/') else {
        anyhow::bail!("`{which}` is neither an id nor login/name; `passerelle device list` shows both");
    };
    let devices: Vec<Peer> = context.client.get("devices")?;
    let mut fitting: Vec<Peer> = devices.into_iter().filter(|d| d.login == login && d.name == name).collect();
    fitting.sort_by_key(|d| (d.revoked_at.is_some(), std::cmp::Reverse(d.created_at)));
    fitting
        .into_iter()
        .next()
        .with_context(|| format!("{login} has no device {name}; `passerelle device list` shows all"))
}

fn show(context: &Context, device: &Peer) -> anyhow::Result<()> {
    if context.json {
        return say_json(device);
    }
    let rows = [
        ("Device", device.name.clone()),
        ("User", device.login.clone()),
        ("State", state(device)),
        ("Public key", device.public_key.clone()),
        ("Addresses", format!("{} {}", device.address4, device.address6)),
        ("Heard", device.heard_at.map_or_else(|| "never".to_owned(), local)),
        ("From", or_dash(device.endpoint)),
        ("Added", local(device.created_at)),
        ("Id", device.id.to_string()),
    ];
    let rows: Vec<_> = rows.map(|(name, value)| vec![name.to_owned(), value]).into();
    say(table(&["", ""], &rows).trim_start());
    Ok(())
}

fn state(device: &Peer) -> String {
    match device {
        Peer { revoked_at: Some(at), .. } => format!("revoked since {}", local(*at)),
        Peer { disabled_at: Some(at), .. } => format!("disabled since {}", local(*at)),
        Peer { open_until: Some(at), .. } => {
            let left = u64::try_from(at.remaining(Unix::now()).as_millis()).unwrap_or(u64::MAX);
            format!("open, another {}", lasting(left))
        }
        _ => "locked".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::{Client, tests::server};
    use super::*;

    const USER: &str = r#"{"id":"01990000-0000-7000-8000-000000000001","login":"anne","name":"Anne","language":"fr",
        "role":"user","groups":[],"factor_confirmed":true,"factor_suspended":false,"created_at":0,"devices":0}"#;
    const DEVICE: &str = r#"{"id":"01990000-0000-7000-8000-000000000002","user":"01990000-0000-7000-8000-000000000001",
        "login":"anne","name":"phone","public_key":"","address4":"10.91.1.1","address6":"fd00::1","created_at":0}"#;
    const CONFIG: &str = r#"{"config":"[Interface]\n# PrivateKey = (put the private key of this device here)\n"}"#;

    fn answer(body: &str) -> &'static str {
        Box::leak(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}").into_boxed_str())
    }

    #[test]
    fn a_private_key_made_here_goes_to_its_owner_and_not_to_the_gateway() {
        let (folder, socket, gateway) = server(vec![answer(USER), answer(DEVICE), answer(CONFIG)]);
        let file = folder.path().join("phone.conf");
        let context = Context { client: Client::new(socket).unwrap(), json: false };
        let add = Add {
            user: "anne".into(),
            name: "phone".into(),
            key: Key { public_key: None, generate: true },
            form: Form { qr: false, output: Some(file.clone()) },
        };
        add.run(&context).unwrap();
        let config = std::fs::read_to_string(file).unwrap();
        let private = config.lines().find_map(|l| l.strip_prefix("PrivateKey = ")).unwrap();
        let public = private.parse::<PrivateKey>().unwrap().public_key().to_string();
        let asked = gateway.join().unwrap().concat();
        assert!(asked.contains(&public), "{asked}");
        assert!(!asked.contains(private.trim_end_matches('=')));
    }
}

//! The journey of the person invited, at a terminal: token, password, second factor, recovery codes, first device. The
//! device comes last, so that whoever leaves on the way leaves nothing half done, and is told what holds.
//!
//! With `--script` the answers are lines of stdin, in this order: token, password, code. The lines on stdout come in
//! step with them, so that the code can be worked out from the enrolment; with `--json` each is one object, marked
//! `step`: `invitation`, `enrolment`, `redeemed`.

use std::path::{Path, PathBuf};

use clap::Args;
use provisioning::invitation::Token;
use provisioning::keys::{PrivateKey, PublicKey};
use provisioning::totp;
use provisioning::wireguard::{compact, with_private_key};
use serde_json::json;
use zeroize::Zeroizing;

use super::client::ApiError;
use super::device::{find, may_be_written, not_confirmed, write_new};
use super::input::{Input, Left, tell};
use super::moment::local;
use super::output::{say, say_json_line};
use super::qr;
use super::words::{Language, Spoken, Words, fill};
use crate::http::devices::{AddDevice, Device, DeviceConfig, NewDevice};
use crate::http::invitations::{Begin, Confirm, Enrolment, Inspect, InvitationFor, Redeemed};
use crate::http::problem::Problem;
use crate::http::status::Status;
use crate::identity::passwords;

/// Wrong answers before the journey ends; the gateway counts on its own as well.
const ATTEMPTS: usize = 5;

#[derive(Debug, Args)]
pub(super) struct Redeem {
    /// Read the answers as lines of stdin (token, password, code), without prompts
    #[arg(long)]
    script: bool,
    /// en, fr, nl, ca or es; the invitation's own if absent
    #[arg(long)]
    language: Option<Language>,
    /// Also add this device; asked at a terminal
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The device made its key pair itself; this is the public half. Without it a pair is made here
    #[arg(long, value_name = "KEY")]
    public_key: Option<PublicKey>,
    /// Put the configuration into this new file instead of the screen
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// What is known once the token was taken.
struct Journey<'a> {
    context: &'a super::Context,
    input: Input,
    words: &'static Words,
    token: Zeroizing<String>,
    invitation: InvitationFor,
    flags: Redeem,
}

/// A key pair; the private half is here only if it was made here.
struct Key {
    public: PublicKey,
    private: Option<PrivateKey>,
}

impl Key {
    fn of(public: Option<PublicKey>) -> anyhow::Result<Self> {
        match public {
            Some(public) => Ok(Self { public, private: None }),
            None => {
                let private = PrivateKey::generate()?;
                Ok(Self { public: private.public_key(), private: Some(private) })
            }
        }
    }

    fn complete(&self, config: &str) -> Zeroizing<String> {
        match &self.private {
            Some(key) => with_private_key(config, key),
            None => Zeroizing::new(config.to_owned()),
        }
    }
}

impl Redeem {
    pub(super) fn run(self, context: &super::Context) -> anyhow::Result<()> {
        may_be_written(self.output.as_deref())?;
        let input = Input::choose(self.script)?;
        let asked = input == Input::Terminal && !context.json;
        anyhow::ensure!(asked || self.device.is_some() || self.public_key.is_none(), "--public-key needs --device");
        let first = self.language.unwrap_or_else(Language::of_environment).words();
        let (token, invitation) = ask_token(context, input, first)?;
        let language =
            self.language.or_else(|| invitation.language.parse().ok()).unwrap_or_else(Language::of_environment);
        let journey = Journey { context, input, words: language.words(), token, invitation, flags: self };
        if asked { journey.at_terminal() } else { journey.in_one() }
    }
}

fn ask_token(
    context: &super::Context,
    input: Input,
    words: &'static Words,
) -> anyhow::Result<(Zeroizing<String>, InvitationFor)> {
    for attempt in 1.. {
        // Seen while it is typed: it is long, on paper, and void once it is used.
        let token = Zeroizing::new(input.line(&words.ask(words.token_prompt))?);
        let error = if token.parse::<Token>().is_err() {
            anyhow::anyhow!(words.token_malformed)
        } else {
            match context.client.post("invitations/inspect", &Inspect { token: token.to_string() }) {
                Ok(invitation) => return Ok((token, invitation)),
                Err(error) => in_words(error, words),
            }
        };
        again(input, attempt, error, |_| true)?;
    }
    unreachable_end()
}

/// Says what was wrong and lets the person try again; ends the journey for scripts, after too many attempts, and where
/// trying again cannot help.
fn again(input: Input, attempt: usize, error: anyhow::Error, retry: impl Fn(&Spoken) -> bool) -> anyhow::Result<()> {
    let hopeless = error.downcast_ref::<Spoken>().is_some_and(|spoken| !retry(spoken));
    if input == Input::Script || attempt >= ATTEMPTS || hopeless {
        return Err(error);
    }
    say(format_args!("\n{error}\n"));
    Ok(())
}

fn unreachable_end<T>() -> anyhow::Result<T> {
    anyhow::bail!("too many attempts")
}

impl Journey<'_> {
    /// Everything in one step with the code: a script does not go away in between.
    fn in_one(self) -> anyhow::Result<()> {
        self.greet()?;
        let enrolment = self.password()?;
        let device = match self.flags.device.clone() {
            Some(name) => Some((name, Key::of(self.flags.public_key)?)),
            None => None,
        };
        self.show_factor(&enrolment)?;
        let new =
            device.as_ref().map(|(name, key)| NewDevice { name: name.clone(), public_key: key.public.to_string() });
        let redeemed = self.code(new.as_ref())?;
        let config = redeemed.config.as_deref().zip(device.as_ref()).map(|(config, (_, key))| key.complete(config));
        if let (Some(path), Some(config)) = (&self.flags.output, &config) {
            write_new(path, config)?;
        }
        if self.context.json {
            let shown = config.as_ref().filter(|_| self.flags.output.is_none()).map(|c| c.as_str());
            return say_json_line(&json!({
                "step": "redeemed",
                "recovery_codes": redeemed.recovery_codes,
                "device": redeemed.device,
                "config": shown,
            }));
        }
        self.show_recovery(&redeemed.recovery_codes);
        if let (Some(config), Some((_, key))) = (config, &device) {
            self.show_config(&config, key, self.flags.output.as_deref())?;
        }
        self.farewell()
    }

    fn at_terminal(self) -> anyhow::Result<()> {
        let redeemed = self.until_redeemed().map_err(|e| spoken_if_left(e, || self.words.left_before.to_owned()))?;
        self.after(&redeemed).map_err(|e| {
            let device = self.flags.device.as_deref().unwrap_or("laptop");
            let command = format!("passerelle device add {} {device} --generate --qr", self.invitation.login);
            spoken_if_left(e, || fill(self.words.left_after, &[("command", &command)]))
        })
    }

    fn until_redeemed(&self) -> anyhow::Result<Redeemed> {
        self.greet()?;
        let enrolment = self.password()?;
        self.show_factor(&enrolment)?;
        self.code(None)
    }

    fn after(&self, redeemed: &Redeemed) -> anyhow::Result<()> {
        self.show_recovery(&redeemed.recovery_codes);
        // Not everybody has an accent on the keyboard.
        let plain = |text: &str| text.trim().to_lowercase().replace('í', "i");
        while plain(&self.input.line(&self.words.ask(self.words.recovery_confirm))?) != plain(self.words.yes) {}
        if let Some((config, key)) = self.add_device()? {
            let output = self.flags.output.as_deref().filter(|path| match write_new(path, &config) {
                Ok(()) => true,
                // The configuration is had this once: then on the screen.
                Err(error) => {
                    tell(format_args!("\n{error:#}"));
                    false
                }
            });
            self.show_config(&config, &key, output)?;
        }
        self.farewell()
    }

    fn greet(&self) -> anyhow::Result<()> {
        let invitation = &self.invitation;
        if self.context.json {
            return say_json_line(&json!({ "step": "invitation", "invitation": invitation }));
        }
        let until = local(invitation.until);
        let values = [
            ("organisation", invitation.organisation.as_str()),
            ("name", &invitation.name),
            ("login", &invitation.login),
            ("until", &until),
        ];
        say(format_args!("\n{}\n", fill(self.words.greeting, &values)));
        Ok(())
    }

    fn password(&self) -> anyhow::Result<Enrolment> {
        if self.input == Input::Terminal {
            say(self.words.password_rules);
        }
        for attempt in 1.. {
            let password = self.input.secret(&self.words.ask(self.words.password_prompt))?;
            let error = match self.begin(&password)? {
                Ok(enrolment) => return Ok(enrolment),
                Err(Some(error)) => error,
                Err(None) => {
                    say(format_args!("\n{}\n", self.words.passwords_differ));
                    continue;
                }
            };
            again(self.input, attempt, in_words(error, self.words), Spoken::about_the_password)?;
        }
        unreachable_end()
    }

    /// The same rules as the gateway's, before it is typed a second time. `Err(None)`: the two differ.
    fn begin(&self, password: &str) -> anyhow::Result<Result<Enrolment, Option<anyhow::Error>>> {
        let invitation = &self.invitation;
        let names = [invitation.login.as_str(), &invitation.name, &invitation.organisation];
        if let Err(weak) = passwords::check(password, &names) {
            let text = weak.to_string();
            return Ok(Err(Some(ApiError(Problem::new(weak.into(), Some(text))).into())));
        }
        if self.input == Input::Terminal && *self.input.secret(&self.words.ask(self.words.password_again))? != *password
        {
            return Ok(Err(None));
        }
        let body = Begin { token: self.token.to_string(), password: password.to_owned() };
        Ok(self.context.client.post("invitations/begin", &body).map_err(Some))
    }

    fn show_factor(&self, enrolment: &Enrolment) -> anyhow::Result<()> {
        if self.context.json {
            return say_json_line(&json!({ "step": "enrolment", "uri": enrolment.uri, "secret": enrolment.secret }));
        }
        say(format_args!("\n{}\n", self.words.factor_scan));
        qr::show(self.input, &enrolment.uri, self.words, "")?;
        say(format_args!("\n{}\n", fill(self.words.factor_secret, &[("secret", &grouped(&enrolment.secret))])));
        Ok(())
    }

    fn code(&self, device: Option<&NewDevice>) -> anyhow::Result<Redeemed> {
        for attempt in 1.. {
            let code = self.input.line(&self.words.ask(self.words.code_prompt))?;
            if !totp::is_code(&code) {
                again(self.input, attempt, anyhow::anyhow!(self.words.code_malformed), |_| true)?;
                continue;
            }
            let body =
                Confirm { token: self.token.to_string(), code: Some(code), passkey: None, device: device.cloned() };
            match self.context.client.post("invitations/confirm", &body) {
                Ok(redeemed) => return Ok(redeemed),
                Err(error) => again(self.input, attempt, in_words(error, self.words), Spoken::about_the_code)?,
            }
        }
        unreachable_end()
    }

    /// The device's configuration, complete; nothing if none was wanted.
    fn add_device(&self) -> anyhow::Result<Option<(Zeroizing<String>, Key)>> {
        let mut named = self.flags.device.clone();
        for attempt in 1.. {
            let name = match named.take() {
                Some(name) => name,
                None => self.input.line(&format!("\n{}", self.words.ask(self.words.device_prompt)))?.trim().to_owned(),
            };
            if name.is_empty() {
                return Ok(None);
            }
            let key = Key::of(self.flags.public_key)?;
            let body = AddDevice {
                user: self.invitation.login.clone(),
                name: name.clone(),
                public_key: key.public.to_string(),
            };
            let device = match self.context.client.post::<Device>("devices", &body) {
                Ok(device) => device,
                Err(error) if not_confirmed(&error) => {
                    say(format_args!("\n{}", in_words(error, self.words)));
                    find(self.context, &format!("{}/{name}", self.invitation.login))?
                }
                Err(error) => {
                    again(self.input, attempt, in_words(error, self.words), Spoken::about_the_device)?;
                    continue;
                }
            };
            let config: DeviceConfig = self.context.client.get(&format!("devices/{}/config", device.id))?;
            return Ok(Some((key.complete(&config.config), key)));
        }
        unreachable_end()
    }

    fn show_recovery(&self, codes: &[String]) {
        say(format_args!("\n{}\n", self.words.recovery_intro));
        for code in codes {
            say(format_args!("    {code}"));
        }
        say("");
    }

    fn show_config(&self, config: &str, key: &Key, written: Option<&Path>) -> anyhow::Result<()> {
        say(format_args!("\n{}", self.words.config_intro));
        match written {
            Some(path) => say(fill(self.words.config_written, &[("path", &path.display().to_string())])),
            None => {
                say(format_args!("\n{}\n", config.trim_end()));
                qr::show(self.input, &compact(config), self.words, self.words.qr_file)?;
            }
        }
        if key.private.is_some() {
            say(self.words.config_once);
        }
        Ok(())
    }

    fn farewell(&self) -> anyhow::Result<()> {
        let name = self.context.client.get::<Status>("status")?.public_name;
        let portal = if name.contains(':') { format!("https://[{name}]") } else { format!("https://{name}") };
        say(format_args!("\n{}", self.words.certificate));
        say(fill(self.words.done, &[("portal", &portal)]));
        Ok(())
    }
}

/// Whoever went away is told what holds now.
fn spoken_if_left(error: anyhow::Error, sentence: impl FnOnce() -> String) -> anyhow::Error {
    if error.is::<Left>() { error.context(sentence()) } else { error }
}

/// In fours, as authenticator apps show and take it.
fn grouped(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    characters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")
}

fn in_words(error: anyhow::Error, words: &'static Words) -> anyhow::Error {
    let Some(api) = error.downcast_ref::<ApiError>() else { return error };
    let Some(slug) = api.0.slug() else { return error };
    let seconds = api.0.retry_after.unwrap_or(30).to_string();
    let request = api.0.request.as_deref().unwrap_or("–");
    let sentence = fill(words.problem(slug), &[("seconds", &seconds), ("request", request)]);
    Spoken { sentence, slug }.into()
}

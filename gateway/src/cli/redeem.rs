//! The journey of the person invited, at a terminal: token, password, first device, second factor, recovery codes.
//!
//! With `--script` the answers are lines of stdin, in this order: token, password, code. The lines on stdout come in
//! step with them, so that the code can be worked out from the enrolment; with `--json` each is one object, marked
//! `step`: `invitation`, `enrolment`, `redeemed`.

use anyhow::Context as _;
use clap::Args;
use provisioning::invitation::Token;
use provisioning::keys::{PrivateKey, PublicKey};
use provisioning::wireguard::{compact, with_private_key};
use serde_json::json;
use zeroize::Zeroizing;

use super::client::ApiError;
use super::device::{may_be_written, write_new};
use super::input::Input;
use super::moment::local;
use super::output::{say, say_json_line, say_qr};
use super::words::{Language, Spoken, Words, fill};
use crate::http::devices::NewDevice;
use crate::http::invitations::{Begin, Confirm, Enrolment, Inspect, InvitationFor, Redeemed};

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
    /// Also add this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The device made its key pair itself; this is the public half. Without it a pair is made here
    #[arg(long, value_name = "KEY", requires = "device")]
    public_key: Option<PublicKey>,
    /// Put the configuration into this new file instead of the screen
    #[arg(long, value_name = "PATH")]
    output: Option<std::path::PathBuf>,
}

/// What is known once the token was taken.
struct Journey<'a> {
    context: &'a super::Context,
    input: Input,
    words: &'static Words,
    token: Zeroizing<String>,
}

/// A device to add; the private half is here only if it was made here.
struct FirstDevice {
    new: NewDevice,
    private: Option<PrivateKey>,
}

impl Redeem {
    pub(super) fn run(self, context: &super::Context) -> anyhow::Result<()> {
        may_be_written(self.output.as_deref())?;
        let input = Input::choose(self.script)?;
        let first = self.language.unwrap_or_else(Language::of_environment).words();
        let (token, invitation) = ask_token(context, input, first)?;
        let language =
            self.language.or_else(|| invitation.language.parse().ok()).unwrap_or_else(Language::of_environment);
        let journey = Journey { context, input, words: language.words(), token };
        journey.greet(&invitation)?;
        let enrolment = journey.password()?;
        let device = journey.device(self.device, self.public_key)?;
        journey.show_factor(&enrolment)?;
        let redeemed = journey.code(device.as_ref().map(|d| &d.new))?;
        journey.finish(&redeemed, device.as_ref(), self.output.as_deref())
    }
}

fn ask_token(
    context: &super::Context,
    input: Input,
    words: &'static Words,
) -> anyhow::Result<(Zeroizing<String>, InvitationFor)> {
    for attempt in 1.. {
        // Seen while it is typed: it is long, on paper, and void once it is used.
        let token = Zeroizing::new(input.line(words.token_prompt)?);
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
    fn greet(&self, invitation: &InvitationFor) -> anyhow::Result<()> {
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
            let password = self.input.secret(self.words.password_prompt)?;
            if self.input == Input::Terminal && *self.input.secret(self.words.password_again)? != *password {
                say(format_args!("\n{}\n", self.words.passwords_differ));
                continue;
            }
            let body = Begin { token: self.token.to_string(), password: password.to_string() };
            match self.context.client.post("invitations/begin", &body) {
                Ok(enrolment) => return Ok(enrolment),
                Err(error) => again(self.input, attempt, in_words(error, self.words), Spoken::about_the_password)?,
            }
        }
        unreachable_end()
    }

    fn device(&self, name: Option<String>, key: Option<PublicKey>) -> anyhow::Result<Option<FirstDevice>> {
        let asked = name.is_none() && self.input == Input::Terminal && !self.context.json;
        let name = match name {
            Some(name) => name,
            None if asked => self.input.line(&format!("\n{}", self.words.device_prompt))?.trim().to_owned(),
            None => String::new(),
        };
        if name.is_empty() {
            return Ok(None);
        }
        let key = match key {
            None if asked => self.ask_key()?,
            given => given,
        };
        let private = key.is_none().then(PrivateKey::generate).transpose()?;
        let public = key.or_else(|| private.as_ref().map(PrivateKey::public_key)).context("a key")?;
        Ok(Some(FirstDevice { new: NewDevice { name, public_key: public.to_string() }, private }))
    }

    fn ask_key(&self) -> anyhow::Result<Option<PublicKey>> {
        for attempt in 1.. {
            let text = self.input.line(self.words.key_prompt)?;
            if text.trim().is_empty() {
                return Ok(None);
            }
            match text.parse() {
                Ok(key) => return Ok(Some(key)),
                Err(_) => again(self.input, attempt, anyhow::anyhow!(self.words.key_malformed), |_| true)?,
            }
        }
        unreachable_end()
    }

    fn show_factor(&self, enrolment: &Enrolment) -> anyhow::Result<()> {
        if self.context.json {
            return say_json_line(&json!({ "step": "enrolment", "uri": enrolment.uri, "secret": enrolment.secret }));
        }
        say(format_args!("\n{}\n", self.words.factor_scan));
        say_qr(&enrolment.uri);
        say(format_args!("\n{}\n", fill(self.words.factor_secret, &[("secret", &grouped(&enrolment.secret))])));
        Ok(())
    }

    fn code(&self, device: Option<&NewDevice>) -> anyhow::Result<Redeemed> {
        for attempt in 1.. {
            let code = self.input.line(self.words.code_prompt)?;
            let body = Confirm { token: self.token.to_string(), code, device: device.cloned() };
            match self.context.client.post("invitations/confirm", &body) {
                Ok(redeemed) => return Ok(redeemed),
                Err(error) => again(self.input, attempt, in_words(error, self.words), Spoken::about_the_code)?,
            }
        }
        unreachable_end()
    }

    fn finish(
        &self,
        redeemed: &Redeemed,
        device: Option<&FirstDevice>,
        output: Option<&std::path::Path>,
    ) -> anyhow::Result<()> {
        let private = device.and_then(|d| d.private.as_ref());
        let config = redeemed.config.as_deref().map(|config| match private {
            Some(key) => with_private_key(config, key),
            None => Zeroizing::new(config.to_owned()),
        });
        if let (Some(path), Some(config)) = (output, &config) {
            write_new(path, config)?;
        }
        if self.context.json {
            let shown = config.as_ref().filter(|_| output.is_none()).map(|c| c.as_str());
            return say_json_line(&json!({
                "step": "redeemed",
                "recovery_codes": redeemed.recovery_codes,
                "device": redeemed.device,
                "config": shown,
            }));
        }
        self.recovery(&redeemed.recovery_codes)?;
        if let Some(config) = config {
            say(format_args!("\n{}", self.words.config_intro));
            match output {
                Some(path) => say(fill(self.words.config_written, &[("path", &path.display().to_string())])),
                None => {
                    say(format_args!("\n{}\n", config.trim_end()));
                    say_qr(&compact(&config));
                }
            }
            if private.is_some() {
                say(self.words.config_once);
            }
        }
        say(format_args!("\n{}", self.words.done));
        Ok(())
    }

    fn recovery(&self, codes: &[String]) -> anyhow::Result<()> {
        say(format_args!("\n{}\n", self.words.recovery_intro));
        for code in codes {
            say(format_args!("    {code}"));
        }
        say("");
        if self.input == Input::Script {
            return Ok(());
        }
        // Not everybody has an accent on the keyboard.
        let plain = |text: &str| text.trim().to_lowercase().replace('í', "i");
        while plain(&self.input.line(self.words.recovery_confirm)?) != plain(self.words.yes) {}
        Ok(())
    }
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

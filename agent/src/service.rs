//! A service of Windows: what its control manager says becomes the events of the PC.
//!
//! A service that is not enrolled yet waits: for the token that the installer left (`prepare`), or for `enrol`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use agent::message::{Leaving, Refused};
use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{error, info, warn};
use windows_service::service::{
    PowerEventParam, ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept,
    ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceState, ServiceStatus,
    ServiceType,
};
use windows_service::service_control_handler::{ServiceControlHandlerResult, ServiceStatusHandle, register};
use windows_service::service_dispatcher;
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

use crate::config::{self, Config};
use crate::enrol::{self, Denied};
use crate::identity::Folder;
use crate::link;
use crate::log::Log;
use crate::pc::windows::{Said, Windows};
use crate::pc::{Event, Pc as _, Wanted};
use crate::prepare;
use crate::pure::backoff::{Backoff, End};
use crate::stop::Stop;
use crate::win32::events;

/// As Windows and the installer know it.
const NAME: &str = "passerelle-agent";

/// What the control manager says that nobody has heard yet: swarms are of changes, which may be lost.
const QUEUE: usize = 64;
const KEPT_FREE: usize = 16;

/// For the gateway to be told that the PC sleeps: Windows gives all programs together two seconds.
const HOLDING: Duration = Duration::from_millis(1500);

/// For the gateway to be told that the PC stops.
const STOPPING: Duration = Duration::from_secs(10);

/// It is started again after a failure: at once, and not so soon if it goes on failing. After a day it begins anew.
const AGAIN: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(30), Duration::from_secs(300)];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Somebody enrols the PC by hand: that is seen within this time.
const LOOK: Duration = Duration::from_secs(5);

/// Our folder is somebody else's (`EX_NOPERM` of sysexits.h): nothing in it was opened.
const NOT_OURS: u8 = 77;

/// What `main` was told, for the thread that Windows starts; nothing if it is in no folder of ours.
static CONFIG: OnceLock<Option<PathBuf>> = OnceLock::new();

/// Runs as a service until it is stopped.
pub(crate) fn run(config: PathBuf) -> anyhow::Result<()> {
    // Anybody may have made it before the first start, and put whatever they like in it.
    let ours = config::folder(&config).and_then(|folder| Folder::new(&folder).make().map(|()| folder));
    match &ours {
        Ok(folder) => {
            if let Ok(log) = Log::open(&folder.join("agent.log")) {
                tracing_subscriber::fmt().with_writer(Mutex::new(log)).with_target(false).with_ansi(false).init();
            }
        }
        Err(e) => events::error(NAME, &format!("{e:#}")),
    }
    let _ = CONFIG.set(ours.is_ok().then_some(config));
    service_dispatcher::start(NAME, begin).context("only Windows starts it so; `run` does what it does, here")
}

/// What `define_windows_service!` would write.
#[allow(unsafe_code)]
extern "system" fn begin(number: u32, arguments: *mut *mut u16) {
    // SAFETY: Windows calls this, with what it promises: so many pointers to text that ends with 0.
    let arguments = unsafe { service_dispatcher::parse_service_arguments(number, arguments) };
    main(arguments);
}

#[allow(clippy::needless_pass_by_value)]
fn main(_arguments: Vec<OsString>) {
    let (tell, said) = mpsc::channel(QUEUE);
    let own: Arc<OnceLock<ServiceStatusHandle>> = Arc::default();
    let status = Arc::clone(&own);
    let Ok(handle) = register(NAME, move |control| hear(control, &tell, status.get().copied())) else {
        return error!("Windows does not take this service");
    };
    let _ = own.set(handle);
    let Some(Some(file)) = CONFIG.get() else {
        return report(handle, ServiceState::Stopped, ServiceExitCode::ServiceSpecific(NOT_OURS.into()));
    };
    report(handle, ServiceState::Running, ServiceExitCode::NO_ERROR);
    let outcome =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start").and_then(|runtime| {
            let outcome = runtime.block_on(serve(file, Windows::told_by(said)));
            runtime.shutdown_background();
            outcome
        });
    let exit = match outcome {
        Ok(()) => ServiceExitCode::NO_ERROR,
        Err(e) => {
            error!("{e:#}");
            ServiceExitCode::ServiceSpecific(crate::SET_UP.into())
        }
    };
    report(handle, ServiceState::Stopped, exit);
}

fn report(handle: ServiceStatusHandle, state: ServiceState, exit: ServiceExitCode) {
    let accepted = match state {
        ServiceState::Running => {
            ServiceControlAccept::STOP
                | ServiceControlAccept::PRESHUTDOWN
                | ServiceControlAccept::POWER_EVENT
                | ServiceControlAccept::SESSION_CHANGE
        }
        _ => ServiceControlAccept::empty(),
    };
    let status = ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: accepted,
        exit_code: exit,
        checkpoint: 0,
        wait_hint: if state == ServiceState::StopPending { STOPPING } else { Duration::ZERO },
        process_id: None,
    };
    if let Err(e) = handle.set_service_status(status) {
        warn!(error = %e, "Windows does not take the state of this service");
    }
}

/// On a thread of Windows'.
#[allow(clippy::needless_pass_by_value)]
fn hear(
    control: ServiceControl,
    tell: &mpsc::Sender<Said>,
    status: Option<ServiceStatusHandle>,
) -> ServiceControlHandlerResult {
    let say = |event, held| drop(tell.try_send(Said { event, held }));
    let changed = || {
        if tell.capacity() > KEPT_FREE {
            say(Event::Changed, None);
        }
    };
    let leaves = |how| {
        if let Some(handle) = status {
            report(handle, ServiceState::StopPending, ServiceExitCode::NO_ERROR);
        }
        say(Event::Leaves(how), None);
    };
    match control {
        ServiceControl::Interrogate => {}
        ServiceControl::Stop => leaves(Leaving::Agent),
        // Whether it starts anew, Windows does not say.
        ServiceControl::Preshutdown | ServiceControl::Shutdown => leaves(Leaving::Shutdown),
        ServiceControl::PowerEvent(PowerEventParam::Suspend) => {
            let (held, wait) = std::sync::mpsc::sync_channel(0);
            say(Event::Leaves(Leaving::Sleep), Some(held));
            let _ = wait.recv_timeout(HOLDING);
        }
        ServiceControl::PowerEvent(PowerEventParam::ResumeAutomatic | PowerEventParam::ResumeCritical) => {
            say(Event::Stays, None);
        }
        ServiceControl::PowerEvent(_) | ServiceControl::SessionChange(_) => changed(),
        _ => return ServiceControlHandlerResult::NotImplemented,
    }
    ServiceControlHandlerResult::NoError
}

/// What an installer cannot say, or not every version of it does: that the service is started again after a failure, how long
/// the PC waits for it, and quotes around its path, without which Windows would look for `C:\Program.exe` first.
fn settle() -> anyhow::Result<()> {
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT)?;
    let access = ServiceAccess::QUERY_CONFIG | ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    let own = manager.open_service(NAME, access)?;
    let actions = AGAIN.map(|delay| ServiceAction { action_type: ServiceActionType::Restart, delay });
    let actions = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(DAY),
        reboot_msg: None,
        command: None,
        actions: Some(actions.into()),
    };
    own.update_failure_actions(actions).context("failure actions")?;
    own.set_preshutdown_timeout(STOPPING).context("time to stop")?;
    let config = own.query_config()?;
    let exe = std::env::current_exe()?;
    let path = config.executable_path.to_string_lossy();
    if path.starts_with('"') || !exe.to_string_lossy().contains(' ') {
        return Ok(());
    }
    let quoted = ServiceInfo {
        name: NAME.into(),
        display_name: config.display_name,
        service_type: ServiceType::OWN_PROCESS,
        start_type: config.start_type,
        error_control: config.error_control,
        executable_path: exe,
        launch_arguments: vec!["service".into()],
        dependencies: Vec::new(),
        account_name: None,
        account_password: None,
    };
    own.change_config(&quoted).context("quotes")
}

async fn serve(file: &Path, mut pc: Windows) -> anyhow::Result<()> {
    info!(version = env!("CARGO_PKG_VERSION"), "started");
    if let Err(e) = settle() {
        warn!(error = format!("{e:#}"), "this service cannot change its own settings");
    }
    let host = pc.facts(&Wanted::default()).await.host;
    let config = tokio::select! {
        () = stops(&mut pc) => return Ok(()),
        config = enrolled(file, host) => config?,
    };
    link::run(&config, pc, Stop::new()?).await
}

/// Waits until the PC or the service stops; lets the PC sleep meanwhile.
async fn stops(pc: &mut Windows) {
    while !matches!(pc.event().await, Event::Leaves(how) if how != Leaving::Sleep) {
        pc.let_go();
    }
}

/// Waits until the PC is enrolled. A token that was left for that is taken away once it is spent, or good for nothing.
async fn enrolled(file: &Path, host: agent::bounded::Short) -> anyhow::Result<Config> {
    let mut backoff = Backoff::default();
    let mut said = false;
    loop {
        let Some(config) = Config::load(file)? else {
            wait_for_a_person(&mut said).await;
            continue;
        };
        if Folder::new(&config.state_dir).load()?.is_some() {
            prepare::take_token_away(&config.state_dir)?;
            return Ok(config);
        }
        let Some(token) = prepare::token(&config.state_dir) else {
            wait_for_a_person(&mut said).await;
            continue;
        };
        let why = match enrol::by(&token, &config, host.clone()).await {
            Ok(()) => {
                info!("enrolled; IT has to approve this PC, unless the token was for it");
                continue;
            }
            Err(e) => e,
        };
        let denied = why.downcast_ref::<Denied>().map(|Denied(why)| *why);
        if matches!(denied, Some(Refused::Token | Refused::Revoked | Refused::Unknown)) {
            prepare::take_token_away(&config.state_dir)?;
        }
        let wait = backoff.after(End::Lost(Duration::ZERO), getrandom::u64().context("random numbers")?);
        warn!(
            error = format!("{why:#}"),
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "not enrolled"
        );
        sleep(wait).await;
    }
}

async fn wait_for_a_person(said: &mut bool) {
    if !std::mem::replace(said, true) {
        warn!("this PC is not enrolled: passerelle-agent enrol");
    }
    sleep(LOOK).await;
}

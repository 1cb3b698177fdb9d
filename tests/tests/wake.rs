//! Office PCs that sleep, and are woken: by magic packets on a real wire, read byte by byte; and those that are not.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use office::gateway::{Gateway, GatewayOptions, Lan};
use office::{Office, OfficeOptions, Part, Sleeper, heavy, scenario, wait_until};
use serde_json::Value;

/// A PC is called within this, and one that was called is ready within it.
const LIMIT: Duration = Duration::from_secs(30);

fn gateway(office: &Office) -> anyhow::Result<Gateway<'_>> {
    Gateway::start(office, GatewayOptions { lan: Lan::Named, ..GatewayOptions::default() })
}

/// The PC as `passerelle workstation show` has it.
fn pc(gateway: &Gateway<'_>, name: &str) -> anyhow::Result<Value> {
    gateway.cli(&["workstation", "show", name])
}

fn text<'v>(value: &'v Value, at: &str) -> &'v str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn publish(gateway: &Gateway<'_>, name: &str, pc: &Sleeper) -> anyhow::Result<()> {
    gateway.cli(&["workstation", "add", name, &pc.address()])?;
    Ok(())
}

/// Magic packets as they are to be: Ethernet and UDP broadcasts to ports 9 and 7, with nothing but the packet in them.
fn check_frames(frames: &[Vec<u8>], mac: &str) -> anyhow::Result<()> {
    let mac: Vec<u8> = mac.split(':').map(|b| u8::from_str_radix(b, 16)).collect::<Result<_, _>>()?;
    let mut seen = std::collections::BTreeSet::new();
    for frame in frames {
        ensure!(frame.get(..6) == Some(&[0xff; 6]), "no Ethernet broadcast: {:02x?}", &frame[..14]);
        ensure!(frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&17), "no UDP: {frame:02x?}");
        let (to, port) = (&frame[30..34], u16::from_be_bytes([frame[36], frame[37]]));
        let length = u16::from_be_bytes([frame[38], frame[39]]);
        ensure!(length == 8 + 102, "{length} bytes of UDP");
        ensure!(frame[42..48] == [0xff; 6], "six of ones: {:02x?}", &frame[42..48]);
        ensure!(frame[48..144] == mac.repeat(16), "sixteen times {mac:02x?}: {:02x?}", &frame[48..144]);
        seen.insert((to.to_vec(), port));
    }
    let all = [(vec![192, 168, 1, 255], 7), (vec![192, 168, 1, 255], 9), (vec![255; 4], 7), (vec![255; 4], 9)];
    ensure!(all.iter().all(|one| seen.contains(one)), "sent to {seen:?}");
    Ok(())
}

#[test]
fn a_pc_that_sleeps_is_woken_and_its_time_is_learned() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        let sleeper = Sleeper::awake(office, "pc-a", Part::First, 41)?;
        let gateway = gateway(office)?;
        publish(&gateway, "pc-a", &sleeper)?;
        // It has no agent: its hardware address is learned while it is awake, and nobody says that it is free.
        wait_until("it was seen on the network", LIMIT, || {
            let pc = pc(&gateway, "pc-a")?;
            let seen = text(&pc, "/state") == "stale" && text(&pc, "/reason") == "no_agent_answers";
            Ok((seen && text(&pc, "/macs/0") == sleeper.mac()).then_some(()))
        })?;
        sleeper.sleep()?;

        let woken: Value = gateway.cli(&["wake", "pc-a", "--no-wait"])?;
        ensure!(text(&woken, "/phase") == "sent", "{woken}");
        let heard = sleeper.wake_when_called(office, LIMIT, true)?;
        check_frames(&heard.frames, &sleeper.mac())?;
        // Whoever asks again joins it.
        let ready = gateway.cli(&["wake", "pc-a"]);
        let wake = wait_until("the wake has ended", LIMIT, || {
            let pc = pc(&gateway, "pc-a")?;
            Ok(pc.pointer("/wake/outcome").filter(|o| !o.is_null()).map(|_| pc["wake"].clone()))
        })?;
        ensure!(text(&wake.0, "/outcome") == "ready", "{wake:?} {ready:?}");
        let pc = pc(&gateway, "pc-a")?;
        let took = wake.0["took_ms"].as_u64().context("how long it took")?;
        ensure!(pc["expected_ms"].as_u64() == Some(took), "what it took is what is expected: {pc}");
        let audit: Value = gateway.cli(&["audit", "--event", "wake_ended"])?;
        ensure!(audit.to_string().contains("ready"), "{audit}");
        Ok(())
    })
}

#[test]
fn a_packet_for_another_wakes_nobody_and_what_cannot_be_called_is_told_at_once() -> anyhow::Result<()> {
    scenario(OfficeOptions::default(), |office| {
        office.second_part()?;
        let wrong = Sleeper::awake(office, "pc-b", Part::First, 42)?;
        let far = Sleeper::awake(office, "pc-c", Part::Second, 43)?;
        let gateway = gateway(office)?;
        wrong.sleep()?;
        far.sleep()?;
        publish(&gateway, "pc-b", &wrong)?;
        publish(&gateway, "pc-c", &far)?;

        // Nothing is known of it: no packet could be sent.
        let refused = gateway.cli(&["wake", "pc-b"]).err().context("a PC without an address was woken")?;
        ensure!(format!("{refused:#}").contains("hardware address is not known"), "{refused:#}");
        gateway.cli(&["workstation", "change", "pc-b", "--mac", "02:00:5e:10:00:99"])?;
        wait_until("it may be woken again", LIMIT, || {
            Ok(gateway.cli(&["wake", "pc-b", "--no-wait"]).is_ok().then_some(()))
        })?;
        wait_until("two bursts were heard", LIMIT, || Ok((wrong.heard()?.frames.len() >= 8).then_some(())))?;
        let heard = wrong.heard()?;
        ensure!(!heard.woken, "it woke at a packet for another");
        check_frames(&heard.frames, "02:00:5e:10:00:99")?;
        ensure!(text(&pc(&gateway, "pc-b")?, "/state") == "waking", "{}", pc(&gateway, "pc-b")?);

        // No broadcast reaches the other part, and nobody there is awake.
        gateway.cli(&["workstation", "change", "pc-c", "--mac", &far.mac()])?;
        let refused = gateway.cli(&["wake", "pc-c"]).err().context("a PC without a way to it was woken")?;
        ensure!(format!("{refused:#}").contains("part of the network"), "{refused:#}");
        ensure!(far.heard()?.frames.is_empty(), "a broadcast went through the office's router");
        Ok(())
    })
}

/// Verdicts that take their time: nothing answers, or the network alone does.
#[test]
fn a_pc_that_does_not_get_ready_is_given_up_with_its_reason() -> anyhow::Result<()> {
    if !heavy("a wake that fails takes minutes") {
        return Ok(());
    }
    scenario(OfficeOptions::default(), |office| {
        let dead = Sleeper::awake(office, "pc-d", Part::First, 44)?;
        let mute = Sleeper::awake(office, "pc-e", Part::First, 45)?;
        let gateway = gateway(office)?;
        for (name, sleeper) in [("pc-d", &dead), ("pc-e", &mute)] {
            publish(&gateway, name, sleeper)?;
            gateway.cli(&["workstation", "change", name, "--mac", &sleeper.mac()])?;
            sleeper.sleep()?;
            gateway.cli(&["wake", name, "--no-wait"])?;
        }
        mute.wake_when_called(office, LIMIT, false)?;
        for (name, cause) in [("pc-d", "silent"), ("pc-e", "rdp_silent")] {
            let (wake, _) = wait_until("the wake was given up", Duration::from_secs(300), || {
                let pc = pc(&gateway, name)?;
                Ok(pc.pointer("/wake/outcome").filter(|o| !o.is_null()).map(|_| pc["wake"].clone()))
            })?;
            ensure!((text(&wake, "/outcome"), text(&wake, "/cause")) == ("failed", cause), "{name}: {wake}");
        }
        Ok(())
    })
}

//! Somebody is shut out while their request is under way.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use serde_json::json;
use tokio::sync::Notify;

use super::*;

const SOON: Duration = Duration::from_millis(300);

fn add_token() -> Value {
    let until = Moment::now().wall + Duration::from_secs(3600);
    json!({"name": "mine", "scopes": ["all:write"], "until": until.0})
}

/// What outlives whoever was shut out: by which path, and what is asked.
fn lasting() -> [(&'static str, &'static str, Value); 4] {
    [
        ("POST", "/tokens", add_token()),
        ("POST", "/me/devices", json!({"name": "hidden", "public_key": fixtures::key()})),
        ("POST", "/me/rules", json!({"version": 1})),
        ("PUT", "/me/checklist", json!({"replies": {}})),
    ]
}

impl Gateway {
    async fn lasts(&self, user: UserId) -> bool {
        let accepted = self.api.store.accepted(user).await.unwrap();
        let devices = self.api.store.devices(Some(user)).await.unwrap();
        self.api.store.tokens().await.unwrap().iter().any(|t| t.revoked_at.is_none())
            || devices.iter().any(|d| d.name == "hidden")
            || accepted.rules.is_some()
            || accepted.checklist.is_some()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_the_last_byte_back_is_asked_who_they_are_when_it_comes() {
    let g = Gateway::new().await;
    for (n, (method, path, body)) in lasting().into_iter().enumerate() {
        let (wim, _) = fixtures::person(&g.api.store, &format!("wim{n}"), Role::Admin, "x").await;
        let cookie = g.session(wim, None).await;
        let (text, waited, go_on) = (body.to_string(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (first, last) = text.split_at(text.len() - 1);
        let parts = [first.to_owned(), last.to_owned()];
        let (told, told_to) = (waited.clone(), go_on.clone());
        let slow = stream::unfold(0, move |nth| {
            let (told, told_to, part) = (told.clone(), told_to.clone(), parts.get(nth).cloned());
            async move {
                if nth == 1 {
                    told.notify_one();
                    told_to.notified().await;
                }
                Some((Ok::<_, std::convert::Infallible>(part?), nth + 1))
            }
        });
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, "door.example.org")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, &cookie)
            .body(Body::from_stream(slow))
            .unwrap();
        let shut_out = async {
            waited.notified().await;
            let done = g.ask(Door::Local, None, "POST", &format!("/users/wim{n}/disable"), None).await;
            assert_eq!(done.status, 200, "{}", done.text);
            go_on.notify_one();
        };
        let (answered, ()) = tokio::join!(g.send(Gateway::office(), request), shut_out);
        assert_eq!(answered.slug(), "not-signed-in", "{path}: {}", answered.text);
        assert!(!g.lasts(wim).await, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_before_their_change_is_written_changes_nothing() {
    let g = Gateway::new().await;
    for (n, (method, path, body)) in lasting().into_iter().enumerate() {
        let (wim, _) = fixtures::person(&g.api.store, &format!("wim{n}"), Role::Admin, "x").await;
        let cookie = g.session(wim, None).await;
        // They are seen to be signed in, and then wait for their turn to write.
        let mut first = g.api.store.write(Moment::now(), Actor::Local).await.unwrap();
        let shut_out = async {
            tokio::time::sleep(SOON).await;
            first.set_user_disabled(wim, true).await.unwrap();
            first.commit().await.unwrap();
        };
        let (answered, ()) =
            tokio::join!(g.ask(Gateway::office(), Some(&cookie), method, path, Some(body.clone())), shut_out);
        assert_eq!(answered.slug(), "not-signed-in", "{path}: {}", answered.text);
        assert!(!g.lasts(wim).await, "{path}");

        // The good twin.
        let (zoe, _) = fixtures::person(&g.api.store, &format!("zoe{n}"), Role::Admin, "x").await;
        let cookie = g.session(zoe, None).await;
        let answered = g.ask(Gateway::office(), Some(&cookie), method, path, Some(body)).await;
        assert!(answered.status.is_success() && g.lasts(zoe).await, "{path}: {}", answered.text);
        if path == "/tokens" {
            let revoked = g.ask(Door::Local, None, "POST", "/tokens/mine/revoke", None).await;
            assert_eq!(revoked.status, 204);
        }
    }
}

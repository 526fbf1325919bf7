//! A sign-in on a second device.

use chatehr_sign_in::{Code, DeviceSignIn, Session, SignInError, TokenError};
use chatehr_token::FetchError;
use serde_json::{Value, json};

use crate::stage::{Stage, part};

impl Stage {
    async fn code(&self) -> DeviceSignIn {
        self.time.hurry();
        self.provider.sign_in_elsewhere(None).await.unwrap()
    }

    /// Answers of the token endpoint, then the wait for the person.
    async fn wait(&self, answers: impl IntoIterator<Item = (u16, Value)>) -> Result<Session, SignInError> {
        let code = self.code().await;
        self.play().instead = answers.into_iter().collect();
        code.wait().await
    }

    fn tokens(&self) -> Value {
        let now = self.time.seconds();
        let claims = json!({
            "iss": self.issuer(), "aud": "chatehr-desktop", "sub": "physician-12", "iat": now, "exp": now + 900,
        });
        let id_token = (self.play().forge)(claims);
        json!({ "access_token": "access", "token_type": "bearer", "id_token": id_token })
    }
}

fn says(error: &str) -> (u16, Value) {
    (400, json!({ "error": error }))
}

#[tokio::test]
async fn a_code_is_shown_with_where_to_type_it() {
    let stage = Stage::with(|settings| settings.scopes = vec!["records".into()]).await;
    let code = stage.code().await;
    assert_eq!(code.user_code, "WDJB-MJHT");
    assert_eq!(code.verification_uri.as_str(), format!("{}/enter", stage.issuer()));
    assert_eq!(code.verification_uri_complete.as_ref().unwrap().query(), Some("code=WDJB-MJHT"));
    assert_eq!(code.expires_at.millis() / 1000, stage.time.seconds() + 600);
    let asked = stage.play().asked[0].clone();
    assert_eq!((asked["client_id"].as_str(), asked["scope"].as_str()), ("chatehr-desktop", "openid records"));
    assert!(!format!("{code:?}").contains("WDJB"));
}

#[tokio::test]
async fn the_provider_is_asked_as_often_as_it_wants_to_be() {
    let stage = Stage::new().await;
    let tokens = stage.tokens();
    let pending = || says("authorization_pending");
    let answers = [pending(), says("slow_down"), pending(), (503, json!({})), pending(), (200, tokens)];
    let session = stage.wait(answers).await.unwrap();
    assert_eq!(stage.time.slept(), [2, 2, 7, 7, 14, 14]);
    assert_eq!(session.subject(), "physician-12");
    let asked = stage.play().asked.last().unwrap().clone();
    assert_eq!(asked["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(asked["device_code"], "device-code");
}

#[tokio::test]
async fn a_wait_ends_with_the_persons_no_or_the_codes_end() {
    let stage = Stage::new().await;
    assert!(matches!(stage.wait([says("access_denied")]).await, Err(SignInError::Denied)));
    assert!(matches!(stage.wait([says("expired_token")]).await, Err(SignInError::TimedOut)));
    let odd = stage.wait([says("invalid_client")]).await.unwrap_err();
    assert!(matches!(odd, SignInError::Provider(TokenError::Refused(Code::InvalidClient))), "{odd:?}");
    let asked = stage.play().asked.len();
    let forever = std::iter::repeat_n(says("authorization_pending"), 1000);
    assert!(matches!(stage.wait(forever).await, Err(SignInError::TimedOut)));
    assert_eq!(stage.play().asked.len() - asked, 1 + 299, "every two seconds for ten minutes");
}

#[tokio::test]
async fn a_network_that_is_away_is_waited_for_ever_more_slowly() {
    let stage = Stage::new().await;
    let code = stage.code().await;
    stage.go_dark().await;
    assert!(matches!(code.wait().await, Err(SignInError::TimedOut)));
    assert_eq!(stage.time.slept(), [2, 4, 8, 16, 32, 64, 128, 256, 300]);
}

#[tokio::test]
async fn who_signed_in_elsewhere_is_checked_as_anywhere() {
    let stage = Stage::new().await;
    let mut forged = stage.tokens();
    forged["id_token"] = json!(format!("{}.{}.", part(&json!({ "alg": "none" })), part(&json!({}))));
    assert!(matches!(stage.wait([(200, forged)]).await, Err(SignInError::Identity(_))));
}

#[tokio::test]
async fn a_code_that_makes_no_sense_is_not_shown() {
    let stage = Stage::new().await;
    for answer in [
        json!({ "user_code": "" }),
        json!({ "user_code": "A".repeat(65) }),
        json!({ "user_code": "AB\u{1b}[2J" }),
        json!({ "verification_uri": "http://login.example" }),
        json!({ "verification_uri": "javascript:alert(1)" }),
        json!({ "verification_uri_complete": "file:///etc/passwd" }),
        json!({ "expires_in": null }),
    ] {
        stage.play().answer = answer.clone();
        let refused = stage.provider.sign_in_elsewhere(None).await.unwrap_err();
        let expected = match &refused {
            SignInError::Provider(TokenError::BadAnswer(_)) => true,
            SignInError::Provider(TokenError::Unavailable(cause)) => matches!(**cause, FetchError::Address),
            _ => false,
        };
        assert!(expected, "{answer}: {refused:?}");
    }
    stage.play().answer = json!({ "interval": 0 });
    assert!(stage.code().await.wait().await.is_err());
    assert_eq!(stage.time.slept()[0], 1, "never without a pause");
    stage.play().discovery = json!({ "device_authorization_endpoint": null });
    let refused = stage.provider.sign_in_elsewhere(None).await.unwrap_err();
    assert!(matches!(refused, SignInError::NoDeviceCodes));
}

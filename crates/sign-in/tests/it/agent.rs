//! As much of a browser as a sign-in needs: cookies, redirects and plain forms. The engine's tests and the walks through
//! the window use it too.

use std::collections::BTreeMap;

use reqwest::{RequestBuilder, StatusCode, Url, header, redirect};

pub(crate) struct Agent {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
    stops: bool,
}

/// Where it ended, and what it saw there.
pub(crate) struct Sight {
    pub(crate) address: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: String,
}

impl Agent {
    pub(crate) fn new() -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { http, cookies: BTreeMap::new(), stops: false }
    }

    /// Opens an address and goes wherever it leads.
    pub(crate) async fn open(&mut self, address: &str) -> Sight {
        self.visit(address.parse().unwrap(), None).await
    }

    /// The same, but stops before it comes back to the program; where it would have come.
    pub(crate) async fn until_callback(&mut self, address: &str) -> Url {
        self.stops = true;
        let sight = self.open(address).await;
        self.stops = false;
        sight.address
    }

    /// [`Agent::submit`], but stops before it comes back to the program; where it would have come.
    pub(crate) async fn submit_until_callback(&mut self, page: &Sight, more: &[(&str, &str)]) -> Url {
        self.stops = true;
        let sight = self.submit(page, more).await;
        self.stops = false;
        sight.address
    }

    /// Sends the page's form with what stands in its hidden fields and `more`.
    pub(crate) async fn submit(&mut self, page: &Sight, more: &[(&str, &str)]) -> Sight {
        let attribute = |tag: &str, name: &str| {
            let (_, rest) = tag.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let (_, form) = page.body.split_once("<form").unwrap_or_else(|| panic!("no form: {}", page.body));
        let (form, rest) = form.split_once('>').unwrap();
        let (inside, _) = rest.split_once("</form>").unwrap();
        let mut fields: Vec<(String, String)> = inside
            .split("<input")
            .skip(1)
            .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
            .collect();
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let action = page.address.join(&attribute(form, "action").unwrap()).unwrap();
        self.visit(action, Some(fields)).await
    }

    async fn visit(&mut self, mut address: Url, form: Option<Vec<(String, String)>>) -> Sight {
        let mut request = match form {
            Some(form) => self.http.post(address.clone()).form(&form),
            None => self.http.get(address.clone()),
        };
        loop {
            let response = self.send(request).await;
            let (status, headers) = (response.status(), response.headers().clone());
            let Some(location) = headers.get(header::LOCATION) else {
                let body = response.text().await.unwrap();
                return Sight { address, status, headers, body };
            };
            address = address.join(location.to_str().unwrap()).unwrap();
            if self.stops && address.path() == "/callback" {
                return Sight { address, status, headers, body: String::new() };
            }
            request = self.http.get(address.clone());
        }
    }

    async fn send(&mut self, request: RequestBuilder) -> reqwest::Response {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(header::COOKIE, cookies.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }
}

//! The types that a setting can have: how each is read from text, and shown.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;

/// How a value is written in a TOML file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    YesNo,
    List,
}

impl Form {
    /// For error messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a whole number",
            Self::YesNo => "true or false",
            Self::List => "a list of strings",
        }
    }
}

/// A type that a setting can have.
pub(super) trait Value: Sized {
    const FORM: Form;
    /// For the reference page.
    const TYPE: &'static str;
    /// Whether it names files.
    const IS_PATH: bool = false;
    fn read(text: &str) -> Result<Self, String>;
    /// `None`: not set.
    fn show(&self) -> Option<String>;
}

impl Value for String {
    const FORM: Form = Form::Text;
    const TYPE: &'static str = "text";

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl<T: Value> Value for Option<T> {
    const FORM: Form = T::FORM;
    const TYPE: &'static str = T::TYPE;
    const IS_PATH: bool = T::IS_PATH;

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::read(text).map(Some) }
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }
}

impl Value for SocketAddr {
    const FORM: Form = Form::Text;
    const TYPE: &'static str = "address:port";

    fn read(text: &str) -> Result<Self, String> {
        if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
            return Ok(Self::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        }
        text.parse().map_err(|_| {
            let all = text.strip_prefix(':').and_then(|port| port.parse::<u16>().ok());
            match all {
                Some(port) => format!(
                    "`{text}` has no address; write 127.0.0.1:{port} for this machine only, or 0.0.0.0:{port} for everyone"
                ),
                None => format!(
                    "`{text}` is not an address and port; write it like 127.0.0.1:8080 or [::1]:8080 (port 0 takes a free one)"
                ),
            }
        })
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for Vec<IpNet> {
    const FORM: Form = Form::List;
    const TYPE: &'static str = "list of networks";

    fn read(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|net| !net.is_empty())
            .map(tollbar_core::parse_network)
            .collect()
    }

    fn show(&self) -> Option<String> {
        let nets: Vec<String> = self.iter().map(ToString::to_string).collect();
        (!nets.is_empty()).then(|| nets.join(", "))
    }
}

impl Value for Vec<String> {
    const FORM: Form = Form::List;
    const TYPE: &'static str = "list of names";

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_lowercase).collect())
    }

    fn show(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.join(", "))
    }
}

impl Value for PathBuf {
    const FORM: Form = Form::Text;
    const TYPE: &'static str = "file";
    const IS_PATH: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn show(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl Value for Vec<PathBuf> {
    const FORM: Form = Form::List;
    const TYPE: &'static str = "list of files";
    const IS_PATH: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.split(',').map(str::trim).filter(|file| !file.is_empty()).map(PathBuf::from).collect())
    }

    fn show(&self) -> Option<String> {
        let files: Vec<String> = self.iter().map(|file| file.display().to_string()).collect();
        (!files.is_empty()).then(|| files.join(", "))
    }
}

impl Value for bool {
    const FORM: Form = Form::YesNo;
    const TYPE: &'static str = "true or false";

    fn read(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| format!("`{text}` is not true or false"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// A number that can be held against limits.
pub(super) trait Number {
    fn number(&self) -> Option<u64>;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Value for $type {
            const FORM: Form = Form::Number;
            const TYPE: &'static str = "number";

            fn read(text: &str) -> Result<Self, String> {
                let number: i128 = text.trim().parse().map_err(|_| format!("`{text}` is not a whole number"))?;
                Self::try_from(number).map_err(|_| {
                    format!("{number} is {}", if number < 0 { "negative" } else { "too large" })
                })
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }

        impl Number for $type {
            fn number(&self) -> Option<u64> {
                Some(u64::try_from(*self).unwrap_or(u64::MAX))
            }
        }
    )*};
}

numbers! { u32 u64 usize }

impl<T: Number> Number for Option<T> {
    fn number(&self) -> Option<u64> {
        self.as_ref().and_then(T::number)
    }
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident $type:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// As it is written in the configuration.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl Value for $name {
            const FORM: Form = Form::Text;
            const TYPE: &'static str = $type;

            fn read(text: &str) -> Result<Self, String> {
                let all = [$(Self::$variant,)*];
                let names = [$($text,)*];
                all.into_iter().find(|one| one.as_str() == text).ok_or_else(|| {
                    format!("`{text}` is not one of {}{}", names.join(", "), super::did_you_mean(text, names))
                })
            }

            fn show(&self) -> Option<String> {
                Some(self.as_str().to_owned())
            }
        }
    };
}

choice! {
    /// How much is logged.
    LogLevel "trace, debug, info, warn or error" {
        /// Everything.
        Trace = "trace",
        /// What helps to find a fault.
        Debug = "debug",
        /// What an operator wants to know.
        Info = "info",
        /// What should not have happened.
        Warn = "warn",
        /// What broke.
        Error = "error",
    }
}

choice! {
    /// The form of log lines.
    LogFormat "text or json" {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// Whether clients of the gateway bring certificates.
    ClientCertificates "off, optional or required" {
        /// They are not asked for one.
        Off = "off",
        /// They are asked, and may come without.
        Optional = "optional",
        /// None comes without.
        Required = "required",
    }
}

choice! {
    /// A version of TLS.
    TlsVersion "1.2 or 1.3" {
        /// TLS 1.2.
        V12 = "1.2",
        /// TLS 1.3.
        V13 = "1.3",
    }
}

choice! {
    /// The header in which trusted proxies say for whom they ask.
    ForwardingHeader "x-forwarded-for or forwarded" {
        /// What almost all proxies write.
        XForwardedFor = "x-forwarded-for",
        /// RFC 7239.
        Forwarded = "forwarded",
    }
}

impl From<ForwardingHeader> for tollbar_core::ForwardingHeader {
    fn from(header: ForwardingHeader) -> Self {
        match header {
            ForwardingHeader::XForwardedFor => Self::XForwardedFor,
            ForwardingHeader::Forwarded => Self::Forwarded,
        }
    }
}

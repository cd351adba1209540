//! Which of an operation's media types a request's `Content-Type` means.

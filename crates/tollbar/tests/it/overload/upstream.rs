//! An upstream that can do so much and no more: what is too much for it waits, also when nobody waits for it any more.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use super::{WORK, WORKERS};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// Something to be done; it is told when that is.
type Job = Sender<()>;

/// Starts it. Its threads end with the test's process.
pub(super) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (queue, jobs) = channel();
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..WORKERS {
        let jobs = jobs.clone();
        std::thread::spawn(move || work(&jobs));
    }
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let queue = queue.clone();
            std::thread::spawn(move || serve(stream, &queue));
        }
    });
    address
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    // Nothing ever comes on it: waiting for that is how long the work takes.
    let (_kept, never) = channel::<()>();
    loop {
        let job = jobs.lock().unwrap().recv();
        let Ok(job) = job else { return };
        let _ = never.recv_timeout(WORK);
        let _ = job.send(());
    }
}

fn serve(mut stream: TcpStream, queue: &Sender<Job>) {
    let _ = stream.set_nodelay(true);
    let mut seen = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            seen.drain(..end + 4);
            let (job, done) = channel();
            if queue.send(job).is_err() || done.recv().is_err() || stream.write_all(ANSWER).is_err() {
                return;
            }
        }
        match stream.read(&mut chunk) {
            Ok(count @ 1..) => seen.extend_from_slice(&chunk[..count]),
            _ => return,
        }
    }
}

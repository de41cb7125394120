//! An executor's figures for Prometheus, served by its own I/O role.
//!
//! `cargo run --release -p amp-executor --features metrics --example amp_prometheus`
//!
//! Meanwhile, in another terminal: `curl http://127.0.0.1:9464/metrics`. With `--short` it asks itself once, prints what it gets, and fails if
//! the tasks are not in there.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use amp_executor::{AmpExecutor, AmpHandle, ExecutorMetrics, Role, RolePlan, RoleRequest};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

const IO: Role = Role::new("io");
const COMPUTE: Role = Role::new("compute");

fn main() -> Result<(), Box<dyn Error>> {
    let is_short = std::env::args().nth(1).as_deref() == Some("--short");
    let prometheus = PrometheusBuilder::new().install_recorder()?;
    ExecutorMetrics::describe();

    let plan = RolePlan::suggest([RoleRequest::new(IO), RoleRequest::new(COMPUTE).background()])?;
    let amp = AmpExecutor::builder().plan(plan.into_plan()).build()?;
    let listener = TcpListener::bind(("127.0.0.1", if is_short { 0 } else { 9464 }))?;
    let address = listener.local_addr()?;
    println!("http://{address}/metrics");

    // The snapshot is taken when somebody asks.
    let (executor, compute) = (amp.handle(), amp.role(COMPUTE)?);
    let server = amp.role(IO)?.spawn(move || {
        for connection in listener.incoming() {
            answer(connection?, &executor, &prometheus)?;
            if is_short {
                break;
            }
        }
        io::Result::Ok(())
    })?;

    for number in 0..200_u64 {
        compute.spawn(move || number * number)?.join()?;
    }
    if is_short {
        let text = ask(address)?;
        println!("{text}");
        let completed = r#"executor_role_completed_total{executor="demo",role="compute"} 200"#;
        assert!(text.contains(completed), "not there: {completed}");
    } else {
        let busy = || {
            black_box((0..20_000).sum::<u64>());
        };
        compute.spawn_every(Duration::from_millis(1), busy)?;
    }
    server.join()??;
    Ok(())
}

/// One answer per connection, which is all that Prometheus needs.
fn answer(
    connection: TcpStream,
    executor: &AmpHandle,
    prometheus: &PrometheusHandle,
) -> io::Result<()> {
    let mut request = BufReader::new(connection);
    let mut line = String::new();
    while request.read_line(&mut line)? > 2 {
        line.clear();
    }
    executor.metrics().publish("demo");
    let body = prometheus.render();
    let length = body.len();
    write!(
        request.get_mut(),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    connection.read_to_string(&mut text)?;
    Ok(text)
}

//! Carries out a command line.

use std::future::Future;
use std::path::Path;

use meshbook::client::PastTrade;
use meshbook::node::{Ban, BanTarget, BookSnapshot, Order, OrderResult, PeerView, UnsignedView};
use meshbook::types::{OrderId, Side};
use serde::Serialize;

use crate::cli::{Cli, Command, OrderArgs, PeersArgs, PeersCommand};
use crate::control::{
    Cancelled, Control, DEPTHS, PlaceBan, PlaceOrder, StatusView, Unbanned, count,
};
use crate::failure::Failure;
use crate::{Defaults, demo, export, history, output, run, watch, when};

/// Runs the command to its end.
pub(crate) fn dispatch(cli: Cli, defaults: Defaults) -> Result<(), Failure> {
    let data_dir = cli.data_dir();
    let (json, option) = (cli.json, cli.data_dir_option());
    match cli.command {
        Command::Run(args) => run::run(&args, option, json, defaults),
        Command::Demo(args) => demo::demo(&args, json),
        command => on_this_thread(ask(command, &data_dir, json))?,
    }
}

/// Runs a future on a runtime without further threads.
pub(crate) fn on_this_thread<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new("INTERNAL", error))?;
    Ok(runtime.block_on(future))
}

/// Asks the node, running or not, after all of the command line is found to be allowed.
async fn ask(command: Command, data_dir: &Path, json: bool) -> Result<(), Failure> {
    let open = || Control::open(data_dir);
    match command {
        Command::Status => {
            let status: StatusView = open()?.get("status", &[]).await?;
            show(&status, json, output::status)
        }
        Command::Peers(PeersArgs {
            command: Some(command),
            ..
        }) => bans(command, data_dir, json).await,
        Command::Peers(PeersArgs { known, .. }) => {
            let mut peers: Vec<PeerView> = open()?.get("peers", &[]).await?;
            if known {
                peers.retain(|peer| peer.address.is_some());
                return show(&peers, json, |peers| output::known_peers(peers));
            }
            show(&peers, json, |peers| output::peers(peers))
        }
        Command::Book { depth, watch } => {
            let depth = count("depth", &depth, &DEPTHS)?;
            let control = open()?;
            if watch {
                return watch::book(&control, depth, json).await;
            }
            let book: BookSnapshot = control.get("book", &[("depth", depth)]).await?;
            show(&book, json, output::book)
        }
        Command::Buy(args) => place(Side::Buy, args, data_dir, json).await,
        Command::Sell(args) => place(Side::Sell, args, data_dir, json).await,
        Command::Cancel { order_id } => {
            let order_id: OrderId = order_id.parse()?;
            let done: Cancelled = open()?.delete(&format!("orders/{order_id}")).await?;
            show(&done, json, |done| format!("cancelled {}", done.order_id))
        }
        Command::Orders => {
            let orders: Vec<Order> = open()?.get("orders", &[]).await?;
            show(&orders, json, |orders| output::orders(orders))
        }
        Command::Trades(args) => {
            let trades: Vec<PastTrade> = history::trades(&args, data_dir).await?;
            show(&trades, json, |trades| output::trades(trades))
        }
        Command::Export(args) => export::export(&args, data_dir, json).await,
        Command::Unsigned => {
            let view: UnsignedView = open()?.get("unsigned", &[]).await?;
            show(&view, json, output::unsigned)
        }
        Command::Run(_) | Command::Demo(_) => unreachable!("these ask no running node"),
    }
}

async fn place(side: Side, args: OrderArgs, data_dir: &Path, json: bool) -> Result<(), Failure> {
    let order = PlaceOrder {
        side,
        amount: args.amount,
        price: args.price,
        kind: args.kind.parse()?,
        time_in_force: args.time_in_force,
        user_id: args.user,
    };
    order.read()?;
    let result: OrderResult = Control::open(data_dir)?.place(&order).await?;
    show(&result, json, output::order_result)
}

fn show<T: Serialize>(value: &T, json: bool, text: fn(&T) -> String) -> Result<(), Failure> {
    output::printed(if json {
        output::json(value)
    } else {
        output::text(&text(value))
    })
}

async fn bans(command: PeersCommand, data_dir: &Path, json: bool) -> Result<(), Failure> {
    match command {
        PeersCommand::Ban { peer, length } => {
            let ban = PlaceBan {
                peer: peer.parse()?,
                duration: when::length("for", &length)?,
            };
            let ban: Ban = Control::open(data_dir)?.post("bans", &ban).await?;
            show(&ban, json, output::banned)
        }
        PeersCommand::Unban { peer } => {
            let peer: BanTarget = peer.parse()?;
            let path = format!("bans/{peer}");
            let done: Unbanned = Control::open(data_dir)?.delete(&path).await?;
            show(&done, json, |done| {
                format!("{} is no longer banned", done.peer)
            })
        }
        PeersCommand::Bans => {
            let bans: Vec<Ban> = Control::open(data_dir)?.get("bans", &[]).await?;
            show(&bans, json, |bans| output::bans(bans))
        }
    }
}

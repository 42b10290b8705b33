//! Nodes that know each other and come back under the same address.

use meshbook_tests::{Control, Node, NodeBuilder, Starting};
use tokio::sync::watch;

/// A node with its name and its folder, running or killed.
#[derive(Debug)]
struct Member {
    builder: NodeBuilder,
    /// The last process.
    node: Node,
    /// Its control address while it runs.
    control: watch::Sender<Option<Control>>,
}

/// The nodes of a test.
#[derive(Debug)]
pub(crate) struct Cluster {
    members: Vec<Member>,
}

impl Cluster {
    /// Starts a node for each builder and waits until each has a session with each.
    pub(crate) async fn start(builders: Vec<NodeBuilder>) -> Self {
        let mut cluster = Self {
            members: Vec::new(),
        };
        for builder in builders {
            let node = cluster.dialing_all(builder.clone()).start().await;
            // Whoever comes back is where the others look for it.
            let builder = builder.set("P2P_PORT", &node.address.port().to_string());
            let control = watch::Sender::new(Some(node.control.clone()));
            cluster.members.push(Member {
                builder,
                node,
                control,
            });
        }
        cluster.is_whole().await;
        cluster
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The control address of a member while it runs.
    pub(crate) fn control(&self, member: usize) -> watch::Receiver<Option<Control>> {
        self.members[member].control.subscribe()
    }

    /// All control addresses, with all nodes up.
    pub(crate) fn controls(&self) -> Vec<Control> {
        let nodes = self.members.iter().map(|member| &member.node);
        nodes.map(|node| node.control.clone()).collect()
    }

    /// Waits until each node has a session with each.
    pub(crate) async fn is_whole(&self) {
        for member in &self.members {
            member.node.has_peers(self.members.len() - 1).await;
        }
    }

    /// Waits until a member has so many sessions.
    #[cfg(target_os = "linux")]
    pub(crate) async fn has_peers(&self, member: usize, count: usize) {
        self.members[member].node.has_peers(count).await;
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self, member: usize) {
        let member = &mut self.members[member];
        member.node.kill().await;
        member.control.send_replace(None);
    }

    /// Starts a member's process again in its folder.
    pub(crate) fn spawn(&self, member: usize) -> Starting {
        let member = &self.members[member];
        let again = member.builder.clone().in_folder_of(&member.node);
        self.dialing_all(again).spawn()
    }

    /// Waits until a member that was started again is there.
    pub(crate) async fn back(&mut self, member: usize, starting: Starting) {
        let node = starting.ready().await;
        let member = &mut self.members[member];
        assert_eq!(node.id, member.node.id, "the same folder is the same node");
        member.control.send_replace(Some(node.control.clone()));
        member.node = node;
    }

    fn dialing_all(&self, builder: NodeBuilder) -> NodeBuilder {
        // Its own address is among them when it comes back; a node knows that one.
        let members = self.members.iter().map(|member| member.node.address);
        members.fold(builder, NodeBuilder::dialing)
    }
}

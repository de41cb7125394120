//! Whether this is a virtual machine, or a container.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::text;

/// Names of virtual machines' vendors and products. Some clouds rent out real machines too: their vendor alone says nothing.
const VIRTUAL_PRODUCTS: [&str; 11] = [
    "QEMU",
    "KVM",
    "VMware",
    "VirtualBox",
    "Virtual Machine",
    "Xen",
    "HVM domU",
    "Parallels",
    "Bochs",
    "Google Compute Engine",
    "Apple Virtualization",
];

/// Parts of control groups' paths, by which container managers are known.
const CONTAINER_GROUPS: [(&str, &str); 7] = [
    ("kubepods", "kubernetes"),
    ("docker", "docker"),
    ("libpod", "podman"),
    ("crio", "cri-o"),
    ("containerd", "containerd"),
    ("lxc", "lxc"),
    ("garden", "garden"),
];

/// What stands between this process and the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Virtualisation {
    /// Whether it is a virtual machine; nothing where the system does not tell.
    pub virtual_machine: Option<bool>,
    /// The machine's vendor and product, where the system names them.
    pub product: Option<String>,
    /// What manages the container that this process is in, where there are signs of one.
    pub container: Option<String>,
}

impl Virtualisation {
    /// `root` takes the place of the root directory.
    pub(super) fn read(root: &Path) -> Self {
        let product = product(root);
        Self {
            virtual_machine: is_virtual(root, product.as_deref()),
            product,
            container: container(root),
        }
    }
}

fn product(root: &Path) -> Option<String> {
    let parts = ["sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name"];
    let parts: Vec<_> = parts.iter().filter_map(|path| text(root, path)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn is_virtual(root: &Path, product: Option<&str>) -> Option<bool> {
    let cpu_info = text(root, "proc/cpuinfo")?;
    // The CPU's own word, on x86; the other places are what other architectures have.
    let by_cpu = cpu_info
        .lines()
        .filter(|line| line.starts_with("flags"))
        .any(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
    let by_kernel = ["sys/hypervisor/type", "sys/firmware/devicetree/base/hypervisor/compatible"]
        .iter()
        .any(|path| text(root, path).is_some());
    let by_product =
        product.is_some_and(|product| VIRTUAL_PRODUCTS.iter().any(|known| product.contains(known)));
    Some(by_cpu || by_kernel || by_product)
}

fn container(root: &Path) -> Option<String> {
    // The manager's own word, then the files that some leave, then where they put processes.
    if let Some(manager) = text(root, "run/systemd/container") {
        return Some(manager);
    }
    for (file, manager) in [(".dockerenv", "docker"), ("run/.containerenv", "podman")] {
        if root.join(file).exists() {
            return Some(manager.to_owned());
        }
    }
    let groups = text(root, "proc/self/cgroup")?;
    let found = CONTAINER_GROUPS.iter().find(|(part, _)| groups.contains(part));
    found.map(|(_, manager)| (*manager).to_owned())
}

impl fmt::Display for Virtualisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.virtual_machine {
            Some(true) => "virtual machine",
            Some(false) => "bare metal, as far as the system says",
            None => "unknown",
        })?;
        match &self.product {
            Some(product) => write!(f, " ({product})")?,
            None => f.write_str(" (vendor unknown)")?,
        }
        match &self.container {
            Some(manager) => write!(f, ", in a container ({manager})"),
            None => f.write_str(", no container seen"),
        }
    }
}

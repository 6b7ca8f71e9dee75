// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/pins.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <charconv>
#include <net/if.h>
#include <sys/stat.h>
#include <utility>

#include "kernel_redirect/bpf_log.h"
#include "kernel_redirect/rules.h"

namespace culvert {
namespace {

namespace fs = std::filesystem;

std::uint64_t this_network_namespace() {
  struct stat status {};
  return ::stat("/proc/thread-self/ns/net", &status) == 0 ? status.st_ino : 0;
}

Error path_error(std::string what, const fs::path& path, const std::error_code& code) {
  return Error{std::move(what) + " " + path.string(), code.value(), {}};
}

/// "4026531840-5"; false when the name is no such thing.
bool parse_folder_name(const std::string& name, PinnedLink& link) {
  const char* end = name.data() + name.size();
  const auto [dash, bad_inode] = std::from_chars(name.data(), end, link.network_namespace);
  if (bad_inode != std::errc() || dash == end || *dash != '-') return false;
  const auto [rest, bad_index] = std::from_chars(dash + 1, end, link.ifindex);
  return bad_index == std::errc() && rest == end;
}

void look_at_link(PinnedLink& pinned) {
  const Fd link(bpf_obj_get((pinned.folder / "link").c_str()));
  if (!link) return;
  bpf_link_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) return;
  pinned.attached = info.xdp.ifindex != 0;
  pinned.process = process_holding("link_id", info.id, link.get());
  char name[IF_NAMESIZE] = {};
  if (pinned.attached && pinned.network_namespace == this_network_namespace() &&
      ::if_indextoname(info.xdp.ifindex, name) != nullptr) {
    pinned.interface = name;
  }
}

std::vector<PinnedLink> links_below(fs::path bpffs) {
  if (bpffs.empty()) {
    const auto found = bpffs_root(BpffsMount::kFindOnly);
    if (!found) return {};
    bpffs = *found;
  }
  return pinned_links(bpffs);
}

std::string name_of(const PinnedLink& link) {
  return link.interface.empty() ? link.folder.filename().string() : link.interface;
}

std::string removed_text(const PinnedLink& link) {
  return name_of(link) + (link.attached ? ": detached" : ": its interface is gone; stale pins removed");
}

}  // namespace

fs::path pin_folder(const fs::path& bpffs, int ifindex) {
  return bpffs / "culvert" / (std::to_string(this_network_namespace()) + "-" + std::to_string(ifindex));
}

Result<void> pin_all(const fs::path& folder, int link_fd, const std::map<std::string, int>& maps) {
  const BpfLog log;
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) return path_error("making the folder for pins", folder, code);
  const bool linked = fs::exists(folder / "link", code);
  if (!linked && bpf_obj_pin(link_fd, (folder / "link").c_str()) != 0) {
    return errno_error("pinning the XDP link as " + (folder / "link").string());
  }
  for (const auto& [name, fd] : maps) {
    fs::remove(folder / name, code);
    if (bpf_obj_pin(fd, (folder / name).c_str()) == 0) continue;
    auto error = errno_error("pinning a map as " + (folder / name).string());
    if (!linked) (void)remove_pins(folder);
    return error;
  }
  return {};
}

Result<void> remove_pins(const fs::path& folder) {
  std::error_code code;
  // The link first: should the rest fail, what remains holds no packet.
  fs::remove(folder / "link", code);
  if (code) return path_error("removing the pin", folder / "link", code);
  fs::remove_all(folder, code);
  if (code) return path_error("removing the folder for pins", folder, code);
  fs::remove(folder.parent_path(), code);  // the last one: leaves an empty bpffs; else it is not empty
  return {};
}

std::vector<PinnedLink> pinned_links(const fs::path& bpffs) {
  std::vector<PinnedLink> links;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(bpffs / "culvert", code)) {
    PinnedLink link;
    if (!parse_folder_name(entry.path().filename(), link)) continue;
    link.folder = entry.path();
    look_at_link(link);
    links.push_back(std::move(link));
  }
  return links;
}

DetachReport detach_others(const std::vector<std::string>& kept, fs::path bpffs) {
  DetachReport report;
  for (const auto& link : links_below(std::move(bpffs))) {
    if (link.network_namespace != this_network_namespace() || link.process) continue;
    if (std::find(kept.begin(), kept.end(), link.interface) != kept.end()) continue;
    if (const auto removed = remove_pins(link.folder); removed) {
      report.done.push_back(removed_text(link));
    } else {
      report.refused.push_back(name_of(link) + ": " + removed.error().to_string());
    }
  }
  return report;
}

Result<DetachReport> detach_everything(fs::path bpffs) {
  DetachReport report;
  for (const auto& link : links_below(std::move(bpffs))) {
    if (link.attached && link.network_namespace != this_network_namespace()) continue;
    if (link.process) {
      report.refused.push_back(name_of(link) + ": " + link.process->name + " (pid " +
                               std::to_string(link.process->pid) + ") is running and holds it; stop it first");
      continue;
    }
    if (auto removed = remove_pins(link.folder); !removed) return removed.error();
    report.done.push_back(removed_text(link));
  }
  const auto rules = remove_dead_punt_rules();
  if (!rules) return rules.error();
  if (*rules > 0) report.done.push_back(std::to_string(*rules) + " policy rules of a tun that is gone removed");
  return report;
}

}  // namespace culvert

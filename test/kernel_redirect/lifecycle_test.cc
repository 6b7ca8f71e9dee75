// SPDX-License-Identifier: Apache-2.0
// Attaching, the ladder, who holds an interface, and that nothing stays behind.
#include <algorithm>
#include <array>
#include <bit>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>
#include <filesystem>
#include <linux/bpf.h>
#include <optional>
#include <vector>

#include "kernel_redirect/holder.h"
#include "kernel_redirect/program.h"
#include "test/kernel_redirect/frames.h"
#include "test/kernel_redirect/sandbox.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

using Catch::Matchers::Contains;

RedirectOptions on(const VethPair& veth, AttachWish mode = AttachWish::kAuto) {
  RedirectOptions options;
  options.interface = veth.name();
  options.mode = mode;
  return options;
}

std::string message_of(const RedirectState& state, const RedirectOptions& options) {
  try {
    const RedirectProgram program(state, options);
  } catch (const SetupError& error) {
    return error.what();
  }
  return "attached";
}

/// Maps whose max_entries is `mark`, and programs that use one of them: ours, whatever else runs on this machine.
struct Leftovers {
  unsigned maps = 0, programs = 0, links = 0;
};

Leftovers count_marked(std::uint32_t mark) {
  Leftovers found;
  std::vector<std::uint32_t> marked;
  for (std::uint32_t id = 0; bpf_map_get_next_id(id, &id) == 0;) {
    const Fd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0 || info.max_entries != mark) continue;
    found.maps++;
    marked.push_back(id);
  }
  std::vector<std::uint32_t> programs;
  for (std::uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
    const Fd program(bpf_prog_get_fd_by_id(id));
    std::vector<std::uint32_t> maps(64);
    bpf_prog_info info{};
    info.nr_map_ids = static_cast<std::uint32_t>(maps.size());
    info.map_ids = std::bit_cast<std::uintptr_t>(maps.data());
    std::uint32_t size = sizeof(info);
    if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) continue;
    maps.resize(std::min<std::size_t>(info.nr_map_ids, maps.size()));
    const bool ours = std::any_of(maps.begin(), maps.end(), [&](std::uint32_t map) {
      return std::find(marked.begin(), marked.end(), map) != marked.end();
    });
    if (ours) programs.push_back(id);
  }
  found.programs = static_cast<unsigned>(programs.size());
  for (std::uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
    const Fd link(bpf_link_get_fd_by_id(id));
    bpf_link_info info{};
    std::uint32_t size = sizeof(info);
    if (!link || bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) continue;
    if (std::find(programs.begin(), programs.end(), info.prog_id) != programs.end()) found.links++;
  }
  return found;
}

std::size_t open_descriptors() {
  const auto entries = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace

TEST_CASE("native on a veth, gone when destroyed", "[lifecycle]") {
  const VethPair veth("life0", "life1");
  const RedirectState state(1, FailMode::kOpen);
  {
    const RedirectProgram program(state, on(veth));
    CHECK(program.report().mode == AttachMode::kNative);
    CHECK(program.report().to_string() == "native");
    CHECK(program.attached());
    const auto holder = xdp_holder(veth.ifindex());
    REQUIRE(holder);
    CHECK(holder->program_name == "culvert_xdp");
    CHECK_FALSE(holder->generic);
    REQUIRE(holder->process);
    CHECK(holder->process->pid == ::getpid());
  }
  CHECK(eventually([&] { return !xdp_holder(veth.ifindex()); }));
}

TEST_CASE("generic when asked for", "[lifecycle]") {
  const VethPair veth("life0", "life1");
  const RedirectState state(1, FailMode::kOpen);
  const RedirectProgram program(state, on(veth, AttachWish::kGeneric));
  CHECK(program.report().to_string() == "generic");
  REQUIRE(xdp_holder(veth.ifindex()));
  CHECK(xdp_holder(veth.ifindex())->generic);
}

TEST_CASE("a veth with fewer rx queues than its peer's tx queues: what to type", "[lifecycle]") {
  const VethPair veth("life0", "life1", "numrxqueues 2 numtxqueues 2", "numrxqueues 2 numtxqueues 2");
  run("ethtool -L life0 rx 1 tx 1 && ethtool -L life1 rx 1 tx 2");
  const RedirectState state(1, FailMode::kOpen);
  const auto native = message_of(state, on(veth, AttachWish::kNative));
  CHECK_THAT(native, Contains("life0: native XDP refused"));
  CHECK_THAT(native, Contains("life0 has 1 rx queue, its peer life1 2 tx queues"));
  CHECK_THAT(native, Contains("type: ethtool -L life0 rx 2, or set mode: generic"));
  {
    const RedirectProgram program(state, on(veth));
    CHECK(program.report().mode == AttachMode::kGeneric);
    CHECK_THAT(program.report().reason, Contains("its peer life1 2 tx queues"));
    CHECK_THAT(program.report().hint, Contains("type: ethtool -L life0 rx 2"));
  }
  CHECK(eventually([&] { return !xdp_holder(veth.ifindex()); }));
  run("ethtool -L life0 rx 2");  // as we said
  CHECK(RedirectProgram(state, on(veth, AttachWish::kNative)).report().mode == AttachMode::kNative);
}

TEST_CASE("a veth made with one queue: the peer's side is what to type", "[lifecycle]") {
  const VethPair veth("life0", "life1", "numrxqueues 1", "numtxqueues 2");
  run("ethtool -L life1 tx 2");
  const RedirectState state(1, FailMode::kOpen);
  CHECK_THAT(message_of(state, on(veth, AttachWish::kNative)),
             Contains("type: ethtool -L life1 tx 1, or make the pair"));
  run("ethtool -L life1 tx 1");
  CHECK(RedirectProgram(state, on(veth, AttachWish::kNative)).report().mode == AttachMode::kNative);
}

TEST_CASE("an MTU too large for one page: what to type, or multi-buffer", "[lifecycle]") {
  const VethPair veth("life0", "life1");
  run("ip link set life0 mtu 9000 && ip link set life1 mtu 9000");
  const RedirectState state(1, FailMode::kOpen);
  CHECK_THAT(message_of(state, on(veth, AttachWish::kNative)), Contains("type: ip link set dev life1 mtu 3498"));
  {
    auto options = on(veth, AttachWish::kNative);
    options.multi_buffer = true;
    const RedirectProgram program(state, options);
    CHECK(program.report().mode == AttachMode::kNative);
  }
  CHECK(eventually([&] { return !xdp_holder(veth.ifindex()); }));
  run("ip link set dev life1 mtu 3498");
  CHECK(RedirectProgram(state, on(veth, AttachWish::kNative)).report().mode == AttachMode::kNative);
}

TEST_CASE("an occupied interface is refused with its holder's name", "[lifecycle]") {
  const VethPair veth("life0", "life1");
  const RedirectState state(1, FailMode::kOpen);
  SECTION("by a link of another process") {
    Child child([&] { static const RedirectProgram program(RedirectState(1, FailMode::kOpen), on(veth)); });
    const auto message = message_of(state, on(veth));
    CHECK_THAT(message, Contains("life0: another XDP program is attached: program culvert_xdp"));
    CHECK_THAT(message, Contains("(pid " + std::to_string(child.pid()) + ")"));
    CHECK_THAT(message, Contains("stop that process"));
    child.kill();
    CHECK(message_of(state, on(veth)) == "attached");
  }
  SECTION("by an attachment that no process holds") {
    const VethPair elsewhere("other0", "other1");
    {
      const RedirectProgram foreign(state, on(elsewhere));
      REQUIRE(bpf_xdp_attach(veth.ifindex(), foreign.program_fd(), 0, nullptr) == 0);
    }
    CHECK_THAT(message_of(state, on(veth)), Contains("type: ip link set dev life0 xdp off"));
    run("ip link set dev life0 xdp off");
    CHECK(message_of(state, on(veth)) == "attached");
  }
}

/// This thread without a capability, and without CAP_SYS_ADMIN, which would stand for it.
class Without {
 public:
  explicit Without(unsigned capability) : capabilities_{capability, CAP_SYS_ADMIN} { change(CAPNG_DROP); }
  Without(const Without&) = delete;
  Without& operator=(const Without&) = delete;
  ~Without() { change(CAPNG_ADD); }

 private:
  void change(capng_act_t act) {
    capng_get_caps_process();
    for (const unsigned capability : capabilities_) capng_update(act, CAPNG_EFFECTIVE, capability);
    CHECK(capng_apply(CAPNG_SELECT_CAPS) == 0);
  }
  std::array<unsigned, 2> capabilities_;
};

TEST_CASE("without one of the three capabilities loading is refused, and the message names it", "[lifecycle]") {
  const VethPair veth("culvert0", "culvert1");
  const RedirectState state(1, FailMode::kOpen);
  for (const auto& [capability, name] : {std::pair{CAP_BPF, "CAP_BPF"}, std::pair{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                         std::pair{CAP_PERFMON, "CAP_PERFMON"}}) {
    std::string message;
    {
      const Without it(static_cast<unsigned>(capability));
      message = message_of(state, on(veth));
    }
    INFO(name);
    CHECK_THAT(message, Contains("loading the XDP program") && Contains(name));
  }
  CHECK(message_of(state, on(veth)) == "attached");
}

TEST_CASE("no such interface", "[lifecycle]") {
  const RedirectState state(1, FailMode::kOpen);
  RedirectOptions options;
  options.interface = "nosuch0";
  CHECK_THAT(message_of(state, options), Contains("finding the interface nosuch0: No such device"));
}

TEST_CASE("fail open: a killed process leaves nothing", "[lifecycle]") {
  const VethPair veth("life0", "life1");
  Child child([&] { static const RedirectProgram program(RedirectState(1, FailMode::kOpen), on(veth)); });
  REQUIRE(xdp_holder(veth.ifindex()));
  child.kill();
  CHECK(eventually([&] { return !xdp_holder(veth.ifindex()); }));
}

TEST_CASE("a deleted interface is noticed; its successor needs a new program", "[lifecycle]") {
  const RedirectState state(1, FailMode::kOpen);
  std::optional<VethPair> veth;
  veth.emplace("life0", "life1");
  const RedirectProgram program(state, on(*veth));
  CHECK(program.attached());
  veth.reset();
  CHECK_FALSE(program.attached());
  CHECK(program.counters().has_value());  // still readable
  veth.emplace("life0", "life1");
  const RedirectProgram successor(state, on(*veth));
  CHECK(successor.attached());
}

TEST_CASE("a hundred life cycles leave no descriptor, map, program or link", "[lifecycle]") {
  const VethPair veth("life0", "life1");
  const std::uint32_t mark = 200'000 + static_cast<std::uint32_t>(::getpid());
  const auto descriptors = open_descriptors();
  for (int cycle = 0; cycle < 100; cycle++) {
    const RedirectState state(2, FailMode::kOpen, {.local_v4 = mark});
    RedirectProgram program(state, on(veth, cycle % 2 == 0 ? AttachWish::kNative : AttachWish::kGeneric));
    const auto socket = make_xsk();
    REQUIRE(program.set_socket(0, socket.get()));
    if (cycle == 0) {
      const auto now = count_marked(mark);
      CHECK((now.maps == 1 && now.programs == 1 && now.links == 1));  // so the count below can fail
    }
  }
  CHECK(open_descriptors() == descriptors);
  CHECK(eventually([&] {
    const auto left = count_marked(mark);
    return left.maps == 0 && left.programs == 0 && left.links == 0;
  }));
}

}  // namespace culvert::test

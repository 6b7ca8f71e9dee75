// SPDX-License-Identifier: Apache-2.0
#include "control/session_slot.h"

#include <filesystem>
#include <optional>

#include "control/meter_memory.h"
#include "test/support/address_book.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

/// In a folder for files of sessions.
class Slots {
 public:
  Slots() {
    std::string name = std::filesystem::temp_directory_path() / "culvert-slots-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    setup.folder = name;
    setup.sessions = 1000;
    setup.half_open = 100;
    setup.fragments = 16;
    setup.huge_pages = HugePages::kNever;
    setup.key = HashKey::from_seed(1);
    setup.owner_key = HashKey::from_seed(2);
  }
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots() { std::filesystem::remove_all(setup.folder); }

  SessionSetup setup;
};

ExternalAddress external(std::uint32_t number, PoolRange range = {2000, 2999}) {
  return {mapped(Ipv4Address{Be32(0xc6120100U + number)}), range};
}

/// One worker's sessions in one culvertd.
struct Life {
  Life(const SessionSetup& setup, const LeftMeters& left = {})
      : meters(setup.sessions, HugePages::kNever, left), slot(meters_of(setup), 0, meters.meters()) {
    slot.give(parts);
  }

  SessionSetup meters_of(SessionSetup setup) {
    setup.meters_taken_over = meters.taken_over();
    return setup;
  }
  void use(std::vector<ExternalAddress> addresses) { parts.nat->ports().use(book.publish(std::move(addresses))); }
  const Gauge& gauge(std::size_t address, PortKind kind) {
    return slot.port_gauges()[address * kPortKinds + static_cast<std::size_t>(kind)];
  }
  /// A session of this port outside, by UDP.
  void begin(std::uint32_t number, std::uint32_t address, std::uint16_t port) {
    auto& table = parts.sessions->table<FiveTuple4>();
    SessionStart<FiveTuple4> start;
    start.original.key = {{Be32(0xc6120a00U + number)}, {Be32(0xc0000201U)}, Be16(1024), Be16(443), kProtocolUdp, 0, 0};
    start.reply.key = start.original.key.reversed();
    start.reply.key.destination = Ipv4Address{Be32(0xc6120100U + address)};
    start.reply.key.destination_port = Be16(port);
    start.original.hash = table.hash(start.original.key);
    start.reply.hash = table.hash(start.reply.key);
    start.kind = FlowKind::kUdp;
    start.flags = kFlowTranslated | kFlowHoldsPort;
    REQUIRE(parts.nat->ports().take_exactly(mapped(start.reply.key.destination), PortKind::kUdp, port));
    REQUIRE(parts.sessions->admit(start, SessionTimeouts(), monotonic_ns()).slot != kNoFlow);
  }

  AddressBook book;
  PipelineParts parts;
  MeterMemory meters;
  SessionSlot slot;
};

}  // namespace

TEST_CASE("without external addresses a worker has no ports") {
  Slots slots;
  Life life(slots.setup);
  CHECK(life.parts.nat == nullptr);
  CHECK(life.slot.port_gauges().empty());
}

TEST_CASE("each worker has its share of the ports, and a secret of its own") {
  Slots slots;
  slots.setup.external_addresses = 3;
  slots.setup.workers = 2;
  slots.setup.owner.workers = 2;
  AddressBook book;
  const ExternalAddresses& addresses = book.publish({external(1), external(2)});
  MeterMemory meters(2000, HugePages::kNever);
  std::array<std::optional<SessionSlot>, 2> workers;
  std::array<PipelineParts, 2> parts;
  for (WorkerIndex worker = 0; worker < 2; ++worker) {
    SessionSlot& slot = workers[worker].emplace(slots.setup, worker, meters.meters());
    slot.give(parts[worker]);
    REQUIRE(parts[worker].nat != nullptr);
    ExternalPorts* const ports = &parts[worker].nat->ports();
    REQUIRE(slot.port_gauges().size() == 3 * kPortKinds);
    ports->use(addresses);
    const auto port = ports->take(1, PortKind::kIcmp, {}, 1);
    CHECK(owner_of_port(port.value(), 2) == worker);
    for (std::size_t i = 0; i < slot.port_gauges().size(); ++i) {
      const bool here = i == kPortKinds + static_cast<std::size_t>(PortKind::kIcmp);
      CHECK(slot.port_gauges()[i].used.read() == (here ? 1U : 0U));
      CHECK((slot.port_gauges()[i].max.read() != 0) == here);
    }
  }
  CHECK(workers[0]->port_gauges()[6].max.read() + workers[1]->port_gauges()[6].max.read() == 1000);
  CHECK(parts[0].port_key.word != parts[1].port_key.word);
}

TEST_CASE("sessions of an earlier run have their ports again before the first packet, or are gone") {
  Slots slots;
  slots.setup.external_addresses = 4;
  std::optional<Life> before(slots.setup);
  before->use({external(1), external(2)});
  for (std::uint16_t i = 0; i < 10; ++i) before->begin(i, 1, static_cast<std::uint16_t>(2000 + i));
  for (std::uint16_t i = 10; i < 15; ++i) before->begin(i, 2, static_cast<std::uint16_t>(2000 + i));
  std::optional<Life> after;
  const auto start = [&](const LeftMeters& meters, std::vector<ExternalAddress> addresses, bool as_they_are) {
    after.emplace(slots.setup, meters);
    after->use(std::move(addresses));
    REQUIRE(after->slot.is_whole() == as_they_are);
    after->slot.take_over(as_they_are);
    CHECK(after->slot.cells().recovered.read() == 15);
  };
  SECTION("after an end") {
    before.reset();
    start({}, {external(2), external(1)}, false);
    CHECK(after->slot.story() == "15 sessions of an earlier run go on");
    CHECK(after->gauge(1, PortKind::kUdp).used.read() == 10);
    CHECK(after->gauge(0, PortKind::kUdp).used.read() == 5);
  }
  SECTION("after an end, with other addresses") {
    before.reset();
    start({}, {external(3), external(1, {2005, 2999})}, false);
    CHECK(after->gauge(1, PortKind::kUdp).used.read() == 5);
    CHECK(after->slot.cells().cleared.read() == 10);
    CHECK(after->slot.story() ==
          "5 sessions of an earlier run go on, 10 ended: their external addresses or ports are not to be had any more");
  }
  SECTION("without a gap") {
    slots.setup.left = {before->slot.descriptors()};
    before->slot.leave();
    start(before->meters.leave(), {external(2), external(1)}, true);
    CHECK(after->slot.story() == "15 sessions of an earlier run go on");
    CHECK(after->gauge(1, PortKind::kUdp).used.read() == 10);
    CHECK(after->gauge(0, PortKind::kUdp).used.read() == 5);
  }
  SECTION("without a gap, and without NAT") {
    slots.setup.left = {before->slot.descriptors()};
    before->slot.leave();
    slots.setup.external_addresses = 0;
    after.emplace(slots.setup, before->meters.leave());
    REQUIRE(after->slot.is_whole());
    after->slot.take_over(true);
    CHECK(after->parts.sessions->size() == 0);
    CHECK(after->slot.cells().cleared.read() == 15);
  }
}

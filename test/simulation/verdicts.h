// SPDX-License-Identifier: Apache-2.0
// What every simulation with mutated packets demands: of what leaves, and of the books when all is over.
#pragma once

#include <cstdio>
#include <set>

#include "test/packet/reference_parser.h"
#include "test/support/catch.h"
#include "test/support/rig.h"

namespace culvert::test {

/// What left must be what another router accepts; `look` has a look at each, with the interface. Forgets it then.
template <typename Look>
void check_sent(Rig& rig, const RigConfig& config, Look&& look) {
  for (InterfaceIndex interface = 0; interface < config.interfaces; ++interface) {
    for (std::uint16_t queue = 0; queue < config.queues; ++queue) {
      PacketCapture& sent = rig.sent(interface, queue);
      for (std::size_t i = 0; i < sent.size(); ++i) {
        if (reference_parse(sent[i]).reason != DropReason::kNone) {
          UNSCOPED_INFO("sent " << to_hex(sent[i]));
          REQUIRE(reference_parse(sent[i]).reason == DropReason::kNone);
        }
        look(sent[i], interface);
      }
      sent.clear();
    }
  }
}

inline void check_sent(Rig& rig, const RigConfig& config) {
  check_sent(rig, config, [](std::span<const std::byte> /*packet*/, InterfaceIndex /*interface*/) {});
}

struct Totals {
  std::set<DropReason> reasons;
  std::uint64_t forwarded = 0, punted = 0, generated = 0, handed_out = 0;
};

/// Said in the words of the promise, now that nothing is on the way: no turn may hide behind another's error.
inline Totals check_end(Rig& rig, std::uint64_t packets) {
  const std::uint64_t received = rig.sum(&PipelineCells::received);
  Totals totals;
  totals.generated = rig.sum(&PipelineCells::generated);
  totals.forwarded = rig.sum(&PipelineCells::forwarded);
  totals.punted = rig.sum(&PipelineCells::punted);
  totals.handed_out = rig.sum(&PipelineCells::handed_out);
  CHECK(received == packets);
  CHECK(received + totals.generated == totals.forwarded + rig.drops() + totals.punted + rig.sum(&PipelineCells::held));
  CHECK(totals.handed_out == rig.sum(&PipelineCells::handed_in));
  CHECK(rig.sum(&PipelineCells::held) == 0);
  CHECK(rig.punted().size() == totals.punted);
  for (std::size_t reason = 0; reason < kDropReasons; ++reason) {
    const auto count = rig.drops(static_cast<DropReason>(reason));
    if (count == 0) continue;
    totals.reasons.insert(static_cast<DropReason>(reason));
    std::printf("  %-26s %llu\n", std::string(drop_reason_text(static_cast<DropReason>(reason)).name).c_str(),
                static_cast<unsigned long long>(count));
  }
  std::printf("  forwarded %llu, punted %llu, generated %llu, handed over %llu\n",
              static_cast<unsigned long long>(totals.forwarded), static_cast<unsigned long long>(totals.punted),
              static_cast<unsigned long long>(totals.generated), static_cast<unsigned long long>(totals.handed_out));
  return totals;
}

}  // namespace culvert::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/mapping.h"
#include "control/netlink/table_sink.h"
#include "test/netlink/message_builder.h"

namespace culvert::test {

struct TableSizes {
  Lpm4Limits ipv4{1'200'000, 8192};
  Lpm6Limits ipv6{50'000, 100'000};
  std::size_t next_hops = 4096;
  std::size_t groups = 256;
};

/// The real tables, as culvertd has them but smaller.
struct Tables {
  explicit Tables(const TableSizes& wanted = {}) : sizes(wanted) {}

  TableSizes sizes;
  Mapping memory4 = Mapping::anonymous(Lpm4::memory_size(sizes.ipv4), HugePages::kTry, "ipv4 routes");
  Mapping memory6 = Mapping::anonymous(Lpm6::memory_size(sizes.ipv6), HugePages::kTry, "ipv6 routes");
  Lpm4 ipv4{memory4.bytes(), sizes.ipv4};
  Lpm6 ipv6{memory6.bytes(), sizes.ipv6};
  Lpm4Writer writer4{ipv4, sizes.ipv4};
  Lpm6Writer writer6{ipv6, sizes.ipv6};
  std::vector<NextHopTable::Entry> entries = std::vector<NextHopTable::Entry>(sizes.next_hops);
  std::vector<NextHopTable::Group> groups = std::vector<NextHopTable::Group>(sizes.groups);
  NextHopTable next_hops{entries, groups};
  NextHopAllocator allocator{next_hops};
  TableSink sink{writer4, writer6, allocator, next_hops};

  NextHopIndex lookup(const IpAddress& address) const {
    return address.is_ipv4() ? ipv4.lookup(address.ipv4()) : ipv6.lookup(address.ipv6());
  }
};

}  // namespace culvert::test

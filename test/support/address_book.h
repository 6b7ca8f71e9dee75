// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "nat/external_addresses.h"

namespace culvert {

/// External addresses as control hands them out, one configuration after the other; all of them stay.
class AddressBook {
 public:
  /// The addresses by slot, whose versions are set here: another one for whatever has changed.
  const ExternalAddresses& publish(std::vector<ExternalAddress> slots) {
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      const bool same = slot < latest_.size() && latest_[slot].address == slots[slot].address &&
                        latest_[slot].range == slots[slot].range &&
                        std::ranges::equal(latest_[slot].excluded, slots[slot].excluded);
      slots[slot].version = same ? latest_[slot].version : ++versions_;
    }
    latest_ = slots;
    pages_.push_back(std::make_unique<Page>(std::move(slots)));
    return pages_.back()->addresses;
  }

 private:
  struct Page {
    explicit Page(std::vector<ExternalAddress> by_slot)
        : slots(std::move(by_slot)), places(ExternalAddresses::places_for(slots.size())), addresses(slots, places) {}

    std::vector<ExternalAddress> slots;
    std::vector<std::uint16_t> places;
    ExternalAddresses addresses;
  };

  std::uint32_t versions_ = 0;
  std::vector<ExternalAddress> latest_;
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace culvert

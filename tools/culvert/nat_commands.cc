// SPDX-License-Identifier: Apache-2.0
// show nat pools.
#include <iterator>

#include "status/json.h"
#include "status/nat_text.h"
#include "tools/culvert/ask.h"

namespace culvert {
namespace {

/// Every address, page by page.
Result<NatPools> all_pools(ControlConnection& connection) {
  NatPools all;
  Request request{{"command", "show_nat_pools"}};
  do {
    const auto answer = connection.ask(request);
    if (answer.has_error()) return answer.error();
    auto page = nat_pools_from_json(*answer);
    if (page.has_error()) return page;
    page->addresses.insert(page->addresses.begin(), std::make_move_iterator(all.addresses.begin()),
                           std::make_move_iterator(all.addresses.end()));
    all = std::move(*page);
    if (all.next) request["after"] = *all.next;
  } while (all.next);
  return all;
}

int show_nat_pools(const Arguments& arguments, const Output& output) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) return failed(output, connection.error());
  auto pools = all_pools(*connection);
  if (pools.has_error()) return failed(output, pools.error());
  output.text(output.json ? to_json(*pools).text + "\n" : nat_pools_text(*pools, {output.colour, false}));
  return kExitOk;
}

}  // namespace

void add_nat_commands(CLI::App& show, CommandLine& line) {
  auto* nat = group(show, "nat", "address translation");
  leaf(*nat, line, "pools", "external addresses and their ports", show_nat_pools);
}

}  // namespace culvert

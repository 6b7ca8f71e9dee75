// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <unistd.h>

#include "agent/confine.h"
#include "agent/http.h"
#include "base/fd.h"
#include "base/mapping.h"
#include "base/result.h"
#include "status/publication.h"

namespace culvert {

bool is_agent(int argc, const char* const* argv) {
  return argc > 1 && std::strcmp(argv[1], "--agent") == 0;
}

std::vector<std::string> agent_arguments(const AgentOptions& options) {
  return {"--agent", std::to_string(options.parent), options.account};
}

AgentOptions parse_agent_options(int argc, const char* const* argv) {
  if (argc != 4) throw SetupError(Error{"the agent is started by culvertd only", 0, "run culvertd --config FILE"});
  return {std::atoi(argv[2]), argv[3]};
}

int run_agent(const AgentOptions& options) {
  const Fd publication_fd(kAgentPublicationFd);
  const Fd cells_fd(kAgentCellsFd);
  close_descriptors_from(kAgentCellsFd + 1);
  const PublicationReader publication(publication_fd);
  const SharedCells cells(cells_fd);
  drop_privileges(options.account);
  if (!die_with_parent(options.parent)) return EXIT_FAILURE;

  boost::asio::io_context io(1);
  HttpServer server(io, Fd(kAgentListenFd), publication, cells.get(), options.parent);
  allow_only_serving();
  io.run();
  return EXIT_SUCCESS;
}

}  // namespace culvert

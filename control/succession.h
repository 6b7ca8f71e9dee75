// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <string>
#include <utility>
#include <vector>

#include "control/handover.h"
#include "control/server/server.h"

namespace culvert {

/// The culvertd whose place this one takes.
struct Predecessor {
  HandoverSocket socket;
  Offer offer;
};

/// The culvertd that takes this one's place.
struct Successor {
  Successor(boost::asio::io_context& io, HandoverSocket its_socket, int its_pid, Reply to)
      : socket(std::move(its_socket)), pid(its_pid), reply(std::move(to)), readable(io), timer(io) {
    readable.assign(::fcntl(socket.descriptor(), F_DUPFD_CLOEXEC, 3));
  }

  HandoverSocket socket;
  int pid;
  Reply reply;  ///< to whoever asked for it
  Ready ready;  ///< what it goes on with
  boost::asio::posix::stream_descriptor readable;
  boost::asio::steady_timer timer;
};

}  // namespace culvert

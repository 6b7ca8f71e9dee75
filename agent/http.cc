// SPDX-License-Identifier: Apache-2.0
#include "agent/http.h"

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/result.h"

namespace culvert {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = boost::asio::ip::tcp;

SharedCells::SharedCells(const Fd& fd) {
  void* address = ::mmap(nullptr, sizeof(AgentCells), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) throw SetupError(errno_error("mapping the agent's counters"));
  cells_ = std::launder(static_cast<AgentCells*>(address));
}

SharedCells::~SharedCells() {
  ::munmap(cells_, sizeof(AgentCells));
}

/// One connection: read a request, write the answer, again.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpServer& server, Tcp::socket socket) : server_(server), stream_(std::move(socket)) {
    server_.opened();
  }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  ~HttpConnection() { server_.closed(); }

  void read() {
    parser_.emplace();
    parser_->header_limit(HttpServer::kMaxHeadBytes);
    parser_->body_limit(0);
    stream_.expires_after(HttpServer::kTimeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) { self->answer(error); });
  }

 private:
  void answer(beast::error_code error) {
    const bool is_silent = error == http::error::end_of_stream || error == beast::error::timeout;
    if (error && !is_silent) server_.cells_.bad_requests.add();
    // Not HTTP, too long, too slow, or closed: there is nobody to explain it to.
    if (error) return;
    server_.cells_.requests.add();
    const auto& request = parser_->get();
    response_ = {};
    response_.version(request.version());
    response_.set(http::field::server, "culvert");
    const bool is_get = request.method() == http::verb::get;
    if (is_get || request.method() == http::verb::head) {
      const auto target = request.target();
      Pages::Page page = server_.pages_.get(std::string_view(target.data(), target.size()));
      response_.result(page.status);
      response_.set(http::field::content_type, page.type);
      response_.set(http::field::cache_control, "no-store");
      response_.body() = std::move(page.body);
    } else {
      response_.result(http::status::method_not_allowed);
      response_.set(http::field::allow, "GET, HEAD");
    }
    response_.keep_alive(request.keep_alive() && ++requests_ < HttpServer::kMaxRequests);
    response_.prepare_payload();
    if (!is_get) response_.body().clear();
    write();
  }

  void write() {
    stream_.expires_after(HttpServer::kTimeout);
    http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error && self->response_.keep_alive()) self->read();
    });
  }

  HttpServer& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{HttpServer::kMaxHeadBytes};
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
  int requests_ = 0;
};

HttpServer::HttpServer(boost::asio::io_context& io, Fd listening, const PublicationReader& publication,
                       AgentCells& cells, int parent)
    : io_(io), acceptor_(io), timer_(io), retry_(io), pages_(publication), cells_(cells), parent_(parent) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  ::getsockname(listening.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), &size);
  acceptor_.assign(address.ss_family == AF_INET6 ? Tcp::v6() : Tcp::v4(), listening.release());
  cells_.connections.max.set(kMaxConnections);
  cells_.connections.used.set(0);
  accept();
  tick();
}

void HttpServer::accept() {
  acceptor_.async_accept([this](boost::system::error_code error, Tcp::socket socket) {
    if (error == boost::asio::error::operation_aborted) return;
    if (!error) {
      admit(std::move(socket));
      accept();
      return;
    }
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled) accept();
    });
  });
}

void HttpServer::admit(Tcp::socket socket) {
  if (connections_ >= kMaxConnections) {
    cells_.connections.failures.add();
    return;  // closes it
  }
  std::make_shared<HttpConnection>(*this, std::move(socket))->read();
}

void HttpServer::opened() {
  cells_.connections.observe(++connections_);
}
void HttpServer::closed() {
  cells_.connections.observe(--connections_);
}

void HttpServer::tick() {
  pages_.look(std::chrono::steady_clock::now());
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    if (::getppid() != parent_) {
      io_.stop();
      return;
    }
    tick();
  });
}

}  // namespace culvert

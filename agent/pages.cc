// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <fmt/format.h>

#include "agent/http.h"
#include "status/json.h"
#include "status/prometheus.h"

namespace culvert {
namespace {

constexpr std::chrono::seconds kOld{5};

const Pages::Page kNothingYet{503, "text/plain", "culvertd has not published its status yet\n"};

}  // namespace

void Pages::look(std::chrono::steady_clock::time_point now) {
  now_ = now;
  const auto publication = publication_.read();
  if (!publication || publication->number == looked_number_) return;
  looked_number_ = publication->number;
  changed_at_ = now;
}

void Pages::refresh() {
  auto publication = publication_.read();
  if (!publication || publication->number == number_) return;
  number_ = publication->number;
  text_ = std::move(publication->text);
  metrics_.clear();
  status_.reset();
  boost::system::error_code error;
  const auto json = boost::json::parse(text_, error);
  if (error) return;
  auto status = status_from_json(json);
  if (status.has_error()) return;
  status_ = std::move(*status);
  steady_.hold(*status_);
  metrics_ = prometheus_text(*status_);
}

std::string Pages::what_is_wrong() const {
  if (!status_) return "the published status cannot be read\n";
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now_ - changed_at_);
  if (age >= kOld) return fmt::format("the status is {} s old\n", age.count());
  for (const WorkerStatus& worker : status_->workers) {
    if (worker.stuck_for_ms) return fmt::format("worker {} is stuck for {} ms\n", worker.worker, *worker.stuck_for_ms);
  }
  return {};
}

Pages::Page Pages::get(std::string_view path) {
  refresh();
  const bool is_known = path == "/metrics" || path == "/status.json" || path == "/healthz";
  if (!is_known) return {404, "text/plain", "there are /metrics, /status.json and /healthz\n"};
  if (number_ == 0) return kNothingYet;
  if (path == "/status.json") return {200, "application/json", text_};
  if (path == "/metrics") {
    if (!status_) return {503, "text/plain", what_is_wrong()};
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_};
  }
  const std::string wrong = what_is_wrong();
  return wrong.empty() ? Page{200, "text/plain", "ok\n"} : Page{503, "text/plain", wrong};
}

}  // namespace culvert

// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/doctor.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "config/config.h"
#include "kernel_redirect/pins.h"
#include "status/buffers.h"
#include "status/json.h"
#include "status/table.h"
#include "tools/culvert/client.h"
#include "tools/culvert/commands.h"

namespace culvert {
namespace {

using Level = Finding::Level;

constexpr const char* kDefaultConfiguration = "/etc/culvert/culvert.yaml";  // culvertd's --config

Result<StatusSnapshot> ask_status(const std::string& socket) {
  auto connection = ControlConnection::open(socket);
  if (connection.has_error()) return connection.error();
  const auto answer = connection->ask({{"command", "show_status"}});
  if (answer.has_error()) return answer.error();
  return status_from_json(*answer);
}

/// The configuration that runs; without culvertd the one that it would start with, if that can be read.
DoctorSettings settings_of(const std::string& socket) {
  CheckResult checked = check_file(kDefaultConfiguration);
  if (auto connection = ControlConnection::open(socket); connection.has_value()) {
    const auto answer = connection->ask({{"command", "show_configuration"}});
    const auto* text = answer.has_value() ? answer->if_contains("text") : nullptr;
    if (text != nullptr && text->is_string()) checked = check_text(std::string(text->get_string()), "running");
  }
  DoctorSettings settings;
  if (!checked.ok()) return settings;
  settings.tun = checked.config->system.punt.device;
  settings.frame_size_bytes = checked.config->system.frame_size;
  settings.shared_by_rss = checked.config->policy && checked.config->sessions.shared_by == SharedBy::kRss;
  return settings;
}

/// What culvertd itself says: modes that are less than asked for, stuck workers, full resources, the last error.
void judge_daemon(const StatusSnapshot& status, std::vector<Finding>& findings) {
  for (const LaneStatus& lane : status.lanes) {
    if (!lane.why_not_better) continue;
    if (lane.mode_got.empty()) {
      findings.push_back({Level::kError, fmt::format("{} is not open: {}", lane.interface, *lane.why_not_better), ""});
      continue;
    }
    findings.push_back(
        {lane.mode_got == "generic" ? Level::kWarning : Level::kHint,
         fmt::format("{} queue {} runs in {}: {}", lane.interface, lane.queue, lane.mode_got, *lane.why_not_better),
         ""});
  }
  for (const BufferWarning& warning : buffer_report(status).warnings) {
    findings.push_back({warning.status == "CRITICAL" ? Level::kError : Level::kWarning, warning.text, ""});
  }
  if (status.last_error) {
    findings.push_back(
        {Level::kWarning,
         fmt::format("culvertd's last error of {}: {}", status.last_error->count, status.last_error->what),
         "culvert show events"});
  }
}

Colour colour_of(Level level) {
  if (level == Level::kOk) return Colour::kGreen;
  if (level == Level::kHint) return Colour::kNone;
  return level == Level::kWarning ? Colour::kYellow : Colour::kRed;
}

}  // namespace

int run_doctor(const Arguments& arguments, const Output& output) {
  const auto status = ask_status(arguments.socket);
  std::vector<std::string> interfaces = arguments.words;
  if (interfaces.empty() && status.has_value()) {
    for (const InterfaceStatus& interface : status->interfaces) interfaces.push_back(interface.interface);
  }
  DoctorSettings settings = settings_of(arguments.socket);
  if (status.has_value()) settings.workers = static_cast<std::uint32_t>(status->workers.size());
  std::vector<Finding> findings = judge(gather_facts(interfaces, settings));
  if (status.has_value()) {
    judge_daemon(*status, findings);
  } else {
    findings.push_back({Level::kHint, status.error().what, status.error().hint});
  }
  bool has_error = false;
  Table table({{"", Table::Align::kLeft}, {"Finding", Table::Align::kLeft}, {"Type", Table::Align::kLeft}});
  boost::json::array array;
  for (const Finding& finding : findings) {
    has_error = has_error || finding.level == Level::kError;
    table.row({level_text(finding.level), finding.what, finding.type}, colour_of(finding.level));
    array.push_back({{"level", level_text(finding.level)}, {"what", finding.what}, {"type", finding.type}});
  }
  if (output.json) {
    output.object({{"findings", std::move(array)}});
  } else {
    output.text(table.text(output.colour));
  }
  return has_error ? kExitError : kExitOk;
}

int run_detach(const Arguments& /*arguments*/, const Output& output) {
  const auto report = detach_everything();
  if (report.has_error()) {
    output.complaint(report.error());
    return kExitError;
  }
  if (output.json) {
    output.object({{"done", boost::json::array(report->done.begin(), report->done.end())},
                   {"refused", boost::json::array(report->refused.begin(), report->refused.end())}});
    return report->refused.empty() ? kExitOk : kExitError;
  }
  for (const std::string& sentence : report->done) output.text(sentence + "\n");
  for (const std::string& sentence : report->refused) output.complaint(Error{sentence, 0, ""});
  if (report->done.empty() && report->refused.empty()) output.text("Nothing is attached.\n");
  return report->refused.empty() ? kExitOk : kExitError;
}

}  // namespace culvert

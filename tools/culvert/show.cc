// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <cerrno>
#include <fmt/format.h>
#include <optional>

#include "status/json.h"
#include "status/table.h"
#include "status/text.h"
#include "tools/culvert/ask.h"

namespace culvert {
namespace {

/// A command whose screen is made from a StatusSnapshot.
auto status_command(const char* command, std::string (*screen)(const StatusSnapshot&, const TextOptions&)) {
  return [command, screen](const Arguments& arguments, const Output& output) {
    return ask(arguments, output, {{"command", command}},
               [&](const boost::json::object& answer) -> Result<std::string> {
                 const auto status = status_from_json(answer);
                 if (status.has_error()) return status.error();
                 return rendered(screen(*status, {output.colour, arguments.by_interface}));
               });
  };
}

/// Monitoring reads the first line and the exit code, so both are there whatever happens.
int check_buffers(const Arguments& arguments, const Output& output) {
  auto connection = ControlConnection::open(arguments.socket);
  const auto answer = connection.has_error() ? Result<boost::json::object>(connection.error())
                                             : connection->ask({{"command", "show_buffers"}});
  const auto report = answer.has_error() ? Result<BufferReport>(answer.error()) : buffers_from_json(*answer);
  if (report.has_error()) {
    output.complaint(report.error());
    return kExitNotReachable;
  }
  if (output.json) {
    output.object({{"status", report->status}, {"warnings", answer->at("warnings")}});
  } else {
    output.text(check_text(*report));
  }
  return check_exit_code(*report);
}

int show_buffers(const Arguments& arguments, const Output& output) {
  if (arguments.check) return check_buffers(arguments, output);
  return ask(arguments, output, {{"command", "show_buffers"}},
             [&](const boost::json::object& answer) -> Result<std::string> {
               const auto report = buffers_from_json(answer);
               if (report.has_error()) return report.error();
               return rendered(buffers_text(*report, {output.colour, arguments.detail}));
             });
}

int show_version(const Arguments& arguments, const Output& output) {
  if (!output.json) output.text(fmt::format("culvert  {}\n", CULVERT_VERSION));
  return ask(arguments, output, {{"command", "version"}}, [](const boost::json::object& answer) -> Result<std::string> {
    const auto* version = answer.if_contains("version");
    const auto* pid = answer.if_contains("pid");
    if (version == nullptr || !version->is_string() || pid == nullptr)
      return Error{"no version in the answer", EPROTO, ""};
    return rendered(fmt::format("culvertd {} (pid {})\n", version->get_string().c_str(), boost::json::serialize(*pid)));
  });
}

std::string cell(const boost::json::value& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
}

/// Rows of one kind of object: the first one's keys are the columns.
std::string rows_text(const boost::json::array& rows, bool colour) {
  if (rows.empty() || !rows.front().is_object()) return "None.\n";
  std::vector<Table::Column> columns;
  std::vector<std::string> keys;
  for (const auto& field : rows.front().get_object()) {
    keys.emplace_back(field.key());
    columns.push_back({field.key(), field.value().is_number() ? Table::Align::kRight : Table::Align::kLeft});
  }
  Table table(columns);
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& key : keys) {
      const auto* value = row.is_object() ? row.get_object().if_contains(key) : nullptr;
      cells.push_back(value == nullptr ? "-" : cell(*value));
    }
    table.row(std::move(cells));
  }
  return table.text(colour);
}

/// `show routes`, `show neighbors`: one page of at most --limit rows, and how many there are.
auto table_command(const char* command, const char* name) {
  return [command, name](const Arguments& arguments, const Output& output) {
    return ask(arguments, output, {{"command", command}, {"limit", arguments.limit}},
               [&](const boost::json::object& answer) -> Result<std::string> {
                 const auto* rows = answer.if_contains(name);
                 const auto* total = answer.if_contains("total");
                 if (rows == nullptr || !rows->is_array() || total == nullptr) {
                   return Error{fmt::format("no {} in the answer", name), EPROTO, ""};
                 }
                 const auto& array = rows->get_array();
                 return rendered(rows_text(array, output.colour) +
                                 fmt::format("{} of {} {}\n", array.size(), boost::json::serialize(*total), name));
               });
  };
}

int show_events(const Arguments& arguments, const Output& output) {
  return ask(arguments, output, {{"command", "show_events"}, {"limit", arguments.limit}},
             [](const boost::json::object& answer) -> Result<std::string> {
               std::string text;
               const auto* events = answer.if_contains("events");
               if (events == nullptr || !events->is_array()) return Error{"no events in the answer", EPROTO, ""};
               for (const auto& json : events->get_array()) {
                 const auto event = event_from_json(json);
                 if (event.has_error()) return event.error();
                 text += event_line(*event);
               }
               return rendered(text);
             });
}

/// A comment above the text, so that the output is still a configuration; empty without a trial.
std::string trial_line(const boost::json::object& answer) {
  const auto* left = answer.if_contains("confirm_within_ms");
  const auto* generation = answer.if_contains("generation");
  const auto* previous = answer.if_contains("previous_generation");
  if (left == nullptr || !left->is_number() || generation == nullptr || previous == nullptr) return {};
  return fmt::format("# generation {} on trial: back to generation {} in {} unless you type: culvert config confirm\n",
                     boost::json::serialize(*generation), boost::json::serialize(*previous),
                     elapsed_text(static_cast<std::uint64_t>(left->to_number<double>())));
}

int show_configuration(const Arguments& arguments, const Output& output) {
  return ask(arguments, output, {{"command", "show_configuration"}, {"which", arguments.which}},
             [](const boost::json::object& answer) -> Result<std::string> {
               const auto* text = answer.if_contains("text");
               if (text == nullptr || !text->is_string()) return Error{"no text in the answer", EPROTO, ""};
               return rendered(trial_line(answer) + text->get_string().c_str());
             });
}

int clear_peak(const Arguments& arguments, const Output& output) {
  return ask(arguments, output, {{"command", "clear_buffers_peak"}},
             [](const auto&) { return rendered("Peaks begin anew.\n"); });
}

/// What a watch shows: the snapshot that it begins with, and each line; an empty text shows nothing.
struct Watch {
  Request request;
  Render first, line;
};

int watch(const Arguments& arguments, const Output& output, const Watch& what) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) {
    output.complaint(connection.error());
    return kExitError;
  }
  const auto show = [&](const boost::json::object& json, const Render& render) -> Result<void> {
    if (output.json) {
      output.object(json);
      return {};
    }
    const auto text = render(json);
    if (text.has_error()) return text.error();
    output.text(*text);
    return {};
  };
  const auto snapshot = connection->ask(what.request);
  const auto begun = snapshot.has_error() ? Result<void>(snapshot.error()) : show(*snapshot, what.first);
  if (begun.has_error()) {
    output.complaint(begun.error());
    return kExitError;
  }
  std::uint64_t left = arguments.count;
  Error problem;
  const Error end = connection->watch([&](const boost::json::object& json) {
    const auto shown = show(json, what.line);
    if (shown.has_error()) problem = shown.error();
    if (shown.has_error()) return false;
    return arguments.count == 0 || json.contains("lost") || --left > 0;
  });
  const Error& error = problem.what.empty() ? end : problem;
  if (error.what.empty()) return kExitOk;
  output.complaint(error);
  return kExitError;
}

std::string number(const boost::json::object& json, const char* key) {
  const auto* value = json.if_contains(key);
  return value == nullptr ? "-" : boost::json::serialize(*value);
}

Result<std::string> event_or_loss(const boost::json::object& json) {
  if (const auto* lost = json.if_contains("lost"); lost != nullptr && lost->is_object()) {
    return rendered(fmt::format("{} events were lost, taken away by the rate limit of their kind; {} since start\n",
                                number(lost->get_object(), "events"), number(lost->get_object(), "total")));
  }
  const auto* value = json.if_contains("event");
  if (value == nullptr) return rendered("");
  const auto event = event_from_json(*value);
  if (event.has_error()) return event.error();
  return rendered(event_line(*event));
}

int watch_events(const Arguments& arguments, const Output& output) {
  Request request{{"command", "watch"}, {"what", "events"}, {"from_start", arguments.from_start}};
  if (!arguments.words.empty()) request["kinds"] = boost::json::array(arguments.words.begin(), arguments.words.end());
  const auto first = [](const boost::json::object& json) {
    return rendered(fmt::format("{} events since start, {} of them lost; the history begins with #{}, next is #{}\n",
                                number(json, "produced"), number(json, "lost"), number(json, "oldest_sequence"),
                                number(json, "next_sequence")));
  };
  return watch(arguments, output, {request, first, event_or_loss});
}

int watch_counters(const Arguments& arguments, const Output& output) {
  std::optional<StatusSnapshot> before;
  const TextOptions options{output.colour, false};
  const auto screen = [&](const boost::json::value& json) -> Result<std::string> {
    auto status = status_from_json(json);
    if (status.has_error()) return status.error();
    std::string text = counters_text(before ? &*before : nullptr, *status, options);
    before = std::move(*status);
    return rendered(std::move(text));
  };
  const auto line = [&](const boost::json::object& json) -> Result<std::string> {
    const auto* counters = json.if_contains("counters");
    return counters == nullptr ? rendered("") : screen(*counters);
  };
  return watch(arguments, output, {{{"command", "watch"}, {"what", "counters"}}, screen, line});
}

void add_system(CLI::App& show, CommandLine& line) {
  auto* system = group(show, "system", "resources and the dataplane");
  auto* buffers =
      leaf(*system, line, "buffers", "every bounded resource: how full, how full it was, how often", show_buffers);
  buffers->add_flag("--check", line.arguments.check,
                    "a line a warning; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 not reachable");
  auto* detail = buffers->add_subcommand("detail", "one row a worker, lane or pool");
  detail->callback([&line] { line.arguments.detail = true; });
  auto* userspace = group(*system, "userspace", "the dataplane");
  leaf(*userspace, line, "status", "one screen of all", status_command("show_status", status_text));
}

}  // namespace

void add_show_commands(CLI::App& app, CommandLine& line) {
  Arguments& arguments = line.arguments;
  auto* show = group(app, "show", "what there is");
  add_system(*show, line);
  leaf(*show, line, "version", "of culvert and culvertd", show_version);
  leaf(*show, line, "interfaces", "state, mode and traffic", status_command("show_interfaces", interfaces_text));
  leaf(*show, line, "workers", "state, turns and packets", status_command("show_workers", workers_text));
  auto* drops = leaf(*show, line, "drops", "dropped packets by reason", status_command("show_drops", drops_text));
  auto* by = drops->add_subcommand("by", "split by");
  by->require_subcommand(1);
  by->add_subcommand("interface", "the interface where they came in")->callback([&arguments] {
    arguments.by_interface = true;
  });
  for (auto* table :
       {leaf(*show, line, "routes", "as the workers look them up", table_command("show_routes", "routes")),
        leaf(*show, line, "neighbors", "next hops' addresses", table_command("show_neighbors", "neighbors")),
        leaf(*show, line, "events", "what happened", show_events)}) {
    table->add_option("--limit", arguments.limit, "at most so many")->capture_default_str();
  }
  auto* configuration = leaf(*show, line, "configuration", "the text in use", show_configuration);
  configuration->add_subcommand("running", "in use")->callback([&arguments] { arguments.which = "running"; });
  configuration->add_subcommand("candidate", "what runs on trial and waits for config confirm")->callback([&arguments] {
    arguments.which = "candidate";
  });

  auto* watches = group(app, "watch", "what happens");
  auto* events = leaf(*watches, line, "events", "as they come", watch_events);
  events->add_flag("--from-start", arguments.from_start, "begin with the history");
  events->add_option("--count", arguments.count, "end after so many");
  events->add_option("kinds", arguments.words, "only these kinds");
  leaf(*watches, line, "counters", "every second", watch_counters)
      ->add_option("--count", arguments.count, "end after so many");

  auto* clear = group(app, "clear", "begin anew");
  add_session_commands(*show, *clear, line);
  add_policy_commands(app, *show, line);
  add_nat_commands(*show, *clear, line);
  auto* system = group(*clear, "system", "resources");
  auto* buffers = group(*system, "buffers", "of the buffers");
  leaf(*buffers, line, "peak", "highest use since now", clear_peak);
}

}  // namespace culvert

// SPDX-License-Identifier: Apache-2.0
// The parts of collect(): each reads one family of cells into one part of the snapshot, without rates.
#pragma once

#include "status/collect.h"

namespace culvert {

std::vector<WorkerStatus> read_workers(const StatusSources& sources, Now now);
std::vector<LaneStatus> read_lanes(const StatusSources& sources);
std::vector<InterfaceStatus> read_interfaces(const StatusSources& sources);
std::vector<DropStatus> read_drops(const StatusSources& sources);
std::vector<AlarmStatus> read_screen_alarms(const StatusSources& sources);
std::vector<PressureStatus> read_pressure(const StatusSources& sources);
std::vector<ResourceStatus> read_resources(const StatusSources& sources);
FrameStatus read_frames(const StatusSources& sources);
std::optional<SessionStatus> read_sessions(const StatusSources& sources);
ProcessStatus read_process();

/// "wan0/1": how a lane is called in scopes.
std::string lane_scope(const LaneSource& lane);

}  // namespace culvert

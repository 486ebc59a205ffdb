#include "domain/jobs/machines.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

namespace hodei::embedded {
extern const std::string_view machine_table;
}

namespace hodei::jobs {

const Machines& Machines::Published() {
  static const Machines* const machines = [] {
    Result<Machines> parsed = Parse(embedded::machine_table);
    return new Machines(std::move(parsed).value());
  }();
  return *machines;
}

Result<Machines> Machines::Parse(std::string_view text) {
  Machines machines;
  if (!google::protobuf::TextFormat::ParseFromString(std::string(text), &machines.table_)) {
    return InvalidArgument("machine table: not a MachineTable in text form");
  }
  for (int i = 0; i < machines.table_.machine_types_size(); ++i) {
    machines.types_[machines.table_.machine_types(i).name()] = i;
  }
  for (const Tier& tier : machines.table_.tiers()) {
    for (const std::string* name :
         {&tier.master_type(), &tier.worker_type(), &tier.parameter_server_type()}) {
      if (!name->empty() && machines.Find(*name) == nullptr) {
        return InvalidArgument(fmt::format("machine table: no machine type '{}'", *name));
      }
    }
  }
  return machines;
}

const MachineType* Machines::Find(std::string_view name) const {
  const auto it = types_.find(name);
  return it == types_.end() ? nullptr : &table_.machine_types(it->second);
}

const Accelerator* Machines::Find(google::cloud::ml::v1::AcceleratorType type) const {
  for (const Accelerator& accelerator : table_.accelerators()) {
    if (accelerator.type() == type) return &accelerator;
  }
  return nullptr;
}

const Tier* Machines::Find(google::cloud::ml::v1::TrainingInput::ScaleTier tier) const {
  for (const Tier& candidate : table_.tiers()) {
    if (candidate.tier() == tier) return &candidate;
  }
  return nullptr;
}

bool Machines::IsRegion(std::string_view region) const {
  return std::find(table_.regions().begin(), table_.regions().end(), region) !=
         table_.regions().end();
}

}  // namespace hodei::jobs

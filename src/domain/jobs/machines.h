// Machine types, accelerators, scale tiers, regions and prices: the published table, read from
// data/machine_table.txtpb. A value; pointers into it live as long as it does.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "hodei/jobs/machine_table.pb.h"

namespace hodei::jobs {

class Machines {
 public:
  // The table that is part of the program.
  static const Machines& Published();
  // INVALID_ARGUMENT when the text is not a MachineTable or names a machine that it lacks.
  static Result<Machines> Parse(std::string_view text);

  // nullptr: no such machine type, accelerator or tier.
  const MachineType* Find(std::string_view name) const;
  const Accelerator* Find(google::cloud::ml::v1::AcceleratorType type) const;
  const Tier* Find(google::cloud::ml::v1::TrainingInput::ScaleTier tier) const;
  bool IsRegion(std::string_view region) const;
  const MachineTable& table() const { return table_; }

 private:
  MachineTable table_;
  std::map<std::string, int, std::less<>> types_;  // name → place in the table
};

}  // namespace hodei::jobs

// Which role contains which permission. One table, in permission_table.cc; what it does not name,
// nobody may do. test/golden/roles.txt shows it whole.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hodei::access {

enum class Role : uint8_t {
  kOwner,
  kEditor,
  kViewer,
  kMlAdmin,
  kMlDeveloper,
  kMlViewer,
  kMlModelOwner,
  kMlModelUser,
  kMlJobOwner,
  kMlOperationOwner,
  kStorageAdmin,
  kStorageObjectAdmin,
  kStorageObjectUser,
  kStorageObjectCreator,
  kStorageObjectViewer,
  kStorageLegacyBucketReader,
  kStorageLegacyBucketWriter,
  kStorageLegacyBucketOwner,
  kStorageLegacyObjectReader,
  kStorageLegacyObjectOwner,
  kLoggingViewer,
  kLoggingLogWriter,
  kServiceAccountAdmin,
  kServiceAccountKeyAdmin,
  // What a running job has in its own project. Not a role that a policy can give.
  kJob,
};
inline constexpr int kRoleCount = static_cast<int>(Role::kJob) + 1;

// "roles/ml.developer"; "(job)" for Role::kJob.
std::string_view RoleName(Role role);
// Absent for a name that no policy can hold.
std::optional<Role> RoleByName(std::string_view name);

// A set of roles as bits.
class RoleSet {
 public:
  constexpr RoleSet() = default;
  constexpr RoleSet(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= Bit(role);
  }
  constexpr bool Has(Role role) const { return (bits_ & Bit(role)) != 0; }
  constexpr RoleSet operator|(RoleSet other) const {
    other.bits_ |= bits_;
    return other;
  }

 private:
  static constexpr uint32_t Bit(Role role) { return 1u << static_cast<unsigned>(role); }
  uint32_t bits_ = 0;
};

struct PermissionRow {
  std::string_view permission;
  RoleSet roles;
};

// Sorted by permission.
std::span<const PermissionRow> PermissionTable();
// The roles that contain `permission`; none for one that the table does not know.
RoleSet RolesWith(std::string_view permission);

}  // namespace hodei::access

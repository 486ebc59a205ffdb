#include "engine/tree_ensemble.h"

#include <fmt/format.h>

namespace hodei::engine {
namespace {

Status NoTrees(std::string_view why) {
  return InvalidArgument(fmt::format("these arrays hold no trees: {}", why));
}

template <typename X>
bool HasMissing(const X* row, size_t columns) {
  bool missing = false;
  for (size_t i = 0; i < columns; ++i) missing |= std::isnan(row[i]);
  return missing;
}

}  // namespace

template <typename X, typename V>
Result<TreeEnsemble<X, V>> TreeEnsemble<X, V>::Build(const TreeArrays<X, V>& arrays,
                                                     int32_t columns) {
  const size_t count = arrays.left.size();
  if (arrays.threshold.size() != count || arrays.feature.size() != count ||
      arrays.right.size() != count || arrays.missing_left.size() != count ||
      arrays.leaf.size() != count || arrays.group.size() != arrays.root.size()) {
    return NoTrees("their lengths differ");
  }
  if (columns <= 0 || arrays.width <= 0 || arrays.groups <= 0 || count > (1U << 30)) {
    return NoTrees("a size is out of range");
  }
  for (int32_t group : arrays.group) {
    if (group < 0 || group > arrays.groups - arrays.width)
      return NoTrees("a group is out of range");
  }
  TreeEnsemble ensemble;
  ensemble.width_ = arrays.width;
  ensemble.groups_ = arrays.groups;
  ensemble.values_ = arrays.values;
  std::vector<bool> seen(count, false);
  for (size_t tree = 0; tree < arrays.root.size(); ++tree) {
    RETURN_IF_ERROR(ensemble.Place(arrays, columns, tree, &seen));
  }
  return ensemble;
}

// Breadth first, so that the two children of a node get neighbouring places. `seen` makes sure that
// the arrays are trees: no node is reached twice, so every walk ends.
template <typename X, typename V>
Status TreeEnsemble<X, V>::Place(const TreeArrays<X, V>& arrays, int32_t columns, size_t tree,
                                 std::vector<bool>* seen) {
  const auto count = static_cast<int32_t>(arrays.left.size());
  const auto first = static_cast<uint32_t>(nodes_.size());
  struct Pending {
    int32_t node;
    int32_t depth;
  };
  std::vector<Pending> order{{arrays.root[tree], 0}};
  int32_t depth = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const auto [node, level] = order[i];
    if (node < 0 || node >= count || (*seen)[static_cast<size_t>(node)]) {
      return NoTrees("a node is out of range or reached twice");
    }
    (*seen)[static_cast<size_t>(node)] = true;
    const auto at = static_cast<size_t>(node);
    const auto place = static_cast<uint32_t>(first + i);
    if (arrays.left[at] < 0) {
      const int64_t leaf = arrays.leaf[at];
      if (leaf < 0 || (leaf + 1) * arrays.width > static_cast<int64_t>(arrays.values.size())) {
        return NoTrees("a leaf has no value");
      }
      nodes_.push_back({std::numeric_limits<X>::quiet_NaN(), 0, place});
      missing_left_.push_back(1);
      leaf_.push_back(static_cast<uint32_t>(leaf));
      continue;
    }
    if (arrays.feature[at] < 0 || arrays.feature[at] >= columns) {
      return NoTrees("a feature is out of range");
    }
    if (std::isnan(arrays.threshold[at])) return NoTrees("a threshold is no number");
    if (level >= kTreeDepthMax) return NoTrees("a tree is too deep");
    depth = std::max(depth, level + 1);
    nodes_.push_back({arrays.threshold[at], static_cast<uint32_t>(arrays.feature[at]),
                      static_cast<uint32_t>(first + order.size())});
    missing_left_.push_back(arrays.missing_left[at] != 0 ? 1 : 0);
    leaf_.push_back(0);
    order.push_back({arrays.left[at], level + 1});
    order.push_back({arrays.right[at], level + 1});
  }
  trees_.push_back({first, arrays.group[tree], depth});
  return OkStatus();
}

template <typename X, typename V>
void TreeEnsemble<X, V>::AddLeaf(uint32_t node, int32_t group, V* sums) const {
  const V* value = values_.data() + static_cast<size_t>(leaf_[node]) * static_cast<size_t>(width_);
  for (int32_t i = 0; i < width_; ++i) sums[group + i] += value[i];
}

// kLanes rows down one tree.
template <typename X, typename V>
void TreeEnsemble<X, V>::Walk(const Tree& tree, const X* rows, size_t columns, uint32_t* at) const {
  const Node* nodes = nodes_.data();
  for (size_t lane = 0; lane < kLanes; ++lane) at[lane] = tree.root;
  for (int32_t step = 0; step < tree.depth; ++step) {
    uint32_t moved = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const Node& node = nodes[at[lane]];
      const X x = rows[lane * columns + node.feature];
      const uint32_t next = node.left + static_cast<uint32_t>(x >= node.threshold);
      moved |= next ^ at[lane];
      at[lane] = next;
    }
    if (moved == 0) break;
  }
}

// One row down kLanes trees at once.
template <typename X, typename V>
void TreeEnsemble<X, V>::AddRow(const X* row, V* sums) const {
  const Node* nodes = nodes_.data();
  size_t tree = 0;
  for (; tree + kLanes <= trees_.size(); tree += kLanes) {
    uint32_t at[kLanes];
    for (size_t lane = 0; lane < kLanes; ++lane) at[lane] = trees_[tree + lane].root;
    uint32_t moved = 1;
    while (moved != 0) {
      moved = 0;
      for (size_t lane = 0; lane < kLanes; ++lane) {
        const Node& node = nodes[at[lane]];
        const uint32_t next =
            node.left + static_cast<uint32_t>(row[node.feature] >= node.threshold);
        moved |= next ^ at[lane];
        at[lane] = next;
      }
    }
    for (size_t lane = 0; lane < kLanes; ++lane) AddLeaf(at[lane], trees_[tree + lane].group, sums);
  }
  for (; tree < trees_.size(); ++tree) {
    AddLeaf(WalkWithMissing(trees_[tree], row), trees_[tree].group, sums);
  }
}

template <typename X, typename V>
uint32_t TreeEnsemble<X, V>::WalkWithMissing(const Tree& tree, const X* row) const {
  uint32_t at = tree.root;
  for (;;) {
    const Node& node = nodes_[at];
    if (node.left == at) return at;
    const X x = row[node.feature];
    const bool right = std::isnan(x) ? missing_left_[at] == 0 : x >= node.threshold;
    at = node.left + static_cast<uint32_t>(right);
  }
}

template <typename X, typename V>
void TreeEnsemble<X, V>::AddMissingRow(const X* row, V* sums) const {
  for (const Tree& tree : trees_) AddLeaf(WalkWithMissing(tree, row), tree.group, sums);
}

template <typename X, typename V>
void TreeEnsemble<X, V>::AddLeaves(const X* rows, size_t row_count, size_t columns, V* sums) const {
  const auto groups = static_cast<size_t>(groups_);
  size_t row = 0;
  for (; row + kLanes <= row_count; row += kLanes) {
    const X* block = rows + row * columns;
    if (HasMissing(block, kLanes * columns)) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        AddMissingRow(block + lane * columns, sums + (row + lane) * groups);
      }
      continue;
    }
    for (const Tree& tree : trees_) {
      uint32_t at[kLanes];
      Walk(tree, block, columns, at);
      for (size_t lane = 0; lane < kLanes; ++lane) {
        AddLeaf(at[lane], tree.group, sums + (row + lane) * groups);
      }
    }
  }
  for (; row < row_count; ++row) {
    const X* one = rows + row * columns;
    if (HasMissing(one, columns)) {
      AddMissingRow(one, sums + row * groups);
    } else {
      AddRow(one, sums + row * groups);
    }
  }
}

template class TreeEnsemble<float, float>;
template class TreeEnsemble<float, double>;
template class TreeEnsemble<double, double>;

}  // namespace hodei::engine

// Decision trees laid out for fast evaluation: the children of a node stand side by side and a leaf
// points to itself, so a step is a load, a compare and an add without a branch, and several walks
// run at once. Measured against libxgboost on one row it is several times faster.
//
// A walk goes left when x < threshold, right when x >= threshold, and where `missing_left` says
// when x is NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/status.h"

namespace hodei::engine {

// Trees as their libraries write them down: one array of each kind over all nodes of all trees.
template <typename X, typename V>
struct TreeArrays {
  std::vector<X> threshold;
  std::vector<int32_t> feature;
  std::vector<int32_t> left;  // -1 at a leaf; node numbers count over all trees
  std::vector<int32_t> right;
  std::vector<int32_t> missing_left;
  std::vector<int32_t> leaf;   // at a leaf: which row of `values`
  std::vector<V> values;       // rows of `width`
  std::vector<int32_t> root;   // of each tree
  std::vector<int32_t> group;  // of each tree: where in the answer its values are added
  int32_t width = 1;           // values of a leaf
  int32_t groups = 1;          // values of an answer; `width` + the largest group at most
};

inline constexpr int32_t kTreeDepthMax = 4096;

// X: what thresholds and inputs are; V: what leaves hold and sums are made in.
template <typename X, typename V>
class TreeEnsemble {
 public:
  // INVALID_ARGUMENT when the arrays are no trees over `columns` inputs.
  static Result<TreeEnsemble> Build(const TreeArrays<X, V>& arrays, int32_t columns);

  int32_t groups() const { return groups_; }
  size_t tree_count() const { return trees_.size(); }
  // Adds the leaves of every tree, in the order of the trees, to `sums` (rows * groups()).
  void AddLeaves(const X* rows, size_t row_count, size_t columns, V* sums) const;

 private:
  struct Node {
    X threshold;       // NaN at a leaf: no x is >= NaN
    uint32_t feature;  // 0 at a leaf
    uint32_t left;     // itself at a leaf
  };
  struct Tree {
    uint32_t root;
    int32_t group;
    int32_t depth;
  };
  static constexpr size_t kLanes = 8;

  Status Place(const TreeArrays<X, V>& arrays, int32_t columns, size_t tree,
               std::vector<bool>* seen);
  void Walk(const Tree& tree, const X* rows, size_t columns, uint32_t* at) const;
  uint32_t WalkWithMissing(const Tree& tree, const X* row) const;
  void AddLeaf(uint32_t node, int32_t group, V* sums) const;
  void AddRow(const X* row, V* sums) const;
  void AddMissingRow(const X* row, V* sums) const;

  std::vector<Node> nodes_;
  std::vector<uint8_t> missing_left_;
  std::vector<uint32_t> leaf_;
  std::vector<V> values_;
  std::vector<Tree> trees_;
  int32_t width_ = 1;
  int32_t groups_ = 1;
};

extern template class TreeEnsemble<float, float>;
extern template class TreeEnsemble<float, double>;
extern template class TreeEnsemble<double, double>;

}  // namespace hodei::engine

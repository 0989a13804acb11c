// Paints tapered capsules as capsules.py does with numpy, to the bit and several times faster: numbers are combined in
// the same order, in double precision, and the compiler is told not to fuse products with sums.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace {

constexpr double kNowhere = std::numeric_limits<double>::infinity();

// A row of `_Capsules.packed` in capsules.py.
struct Capsule {
  double balls[2][3][3], cone[3][3], metric[3][3], k2[3][3];
  double linear[2][3], k1[3], along[3], colour[3];
  double offset, span;
  double nearest;  // no point of it is less deep
  bool tapered() const { return span > 0; }
};

// A row of `_Prints.packed` in capsules.py.
struct Print {
  double matrix[3][3], shift[3], colour[3], period, norm;
};

struct Span {
  int32_t first, end;
};

struct Window {
  int32_t top, bottom, left, right;
};

struct Light {
  double towards[3], up[3], ambient, sky;
};

double quadratic(const double (&form)[3][3], double x, double y) {
  const double row = (form[0][0] * x + 2 * form[0][2]) * x + form[2][2];
  const double column = (form[1][1] * y + 2 * form[1][2]) * y;
  return 2 * form[0][1] * y * x + row + column;
}

double linear(const double (&form)[3], double x, double y) { return form[0] * x + form[1] * y + form[2]; }

double dot(const double (&a)[3], const double (&b)[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// The depth at which a ray first meets the capsule.
double depth_of(const Capsule& capsule, double x, double y) {
  const int ends = capsule.tapered() ? 2 : 1;
  double roots[2] = {}, cone = 0;
  for (int end = 0; end < ends; ++end) roots[end] = quadratic(capsule.balls[end], x, y);
  if (capsule.tapered()) cone = quadratic(capsule.cone, x, y);
  if (!(roots[0] > 0 || roots[1] > 0 || cone > 0)) return kNowhere;

  double depth = kNowhere;
  const double square = quadratic(capsule.metric, x, y);
  for (int end = 0; end < ends; ++end)
    if (roots[end] > 0) depth = std::min(depth, (-linear(capsule.linear[end], x, y) - std::sqrt(roots[end])) / square);
  if (cone >= 0 && capsule.tapered()) {
    const double reached = (-linear(capsule.k1, x, y) - std::sqrt(cone)) / quadratic(capsule.k2, x, y);
    const double place = capsule.offset + reached * linear(capsule.along, x, y);
    if (place > 0 && place < capsule.span) depth = reached;
  }
  return depth;
}

// The brightness of a point of the capsule's surface, from its normal.
double shade_of(const Capsule& capsule, const double (&point)[3], const Light& light) {
  double normal[3];
  for (int i = 0; i < 3; ++i) normal[i] = dot(capsule.metric[i], point) + capsule.linear[0][i];
  if (capsule.tapered()) {
    const double place = (dot(capsule.along, point) + capsule.offset) / capsule.span;
    const double held = std::min(std::max(place, 0.0), 1.0);
    for (int i = 0; i < 3; ++i) normal[i] -= capsule.along[i] * held;
  }
  const double length = std::sqrt(dot(normal, normal));
  const double lit = dot(light.towards, normal) / length, upwards = dot(light.up, normal) / length;
  const double facing = -dot(normal, point) / (length * std::sqrt(dot(point, point)));
  const double direct = (1.1 - light.ambient) * std::max(lit, 0.0);
  return (light.ambient + direct + 0.10 * lit + light.sky * upwards) * (0.68 + 0.32 * facing);
}

bool covers(const Print& print, const double (&point)[3]) {
  double place[3];
  for (int i = 0; i < 3; ++i) place[i] = dot(print.matrix[i], point) + print.shift[i];
  if (print.period > 0) place[2] -= print.period * std::floor(place[2] / print.period + 0.5);
  if (print.norm == 0) return dot(place, place) < 1;
  const double x = std::abs(place[0]), y = std::abs(place[1]), z = std::abs(place[2]);
  return (print.norm == 1 ? std::max(x, std::max(y, z)) : x + y + z) < 1;
}

// The colour of a point of the capsule's surface: the last of its prints that covers it, or its own.
const double* colour_of(const Capsule& capsule, const Print* prints, const Span& span, const double (&point)[3]) {
  for (int32_t i = span.end - 1; i >= span.first; --i)
    if (covers(prints[i], point)) return prints[i].colour;
  return capsule.colour;
}

}  // namespace

// Capsules one after the other, each with its span of prints and within its window of a canvas `width` wide: rays
// (x, y, 1) through its columns and rows, `grain` times the colours, `depths` in mm and `colours` BGR, both written where a capsule is nearest so far.
extern "C" void paint_capsules(
    int64_t count, const Capsule* capsules, const Window* windows, const Span* spans, const Print* prints,
    const Light* light, int64_t width, const double* x, const double* y, const float* grain, float* depths,
    uint8_t* colours) {
  for (int64_t i = 0; i < count; ++i) {
    const Capsule& capsule = capsules[i];
    for (int64_t row = windows[i].top; row < windows[i].bottom; ++row) {
      for (int64_t column = windows[i].left; column < windows[i].right; ++column) {
        const int64_t pixel = row * width + column;
        if (depths[pixel] <= capsule.nearest) continue;
        const double depth = depth_of(capsule, x[column], y[row]);
        if (!(depth < depths[pixel])) continue;
        const double point[3] = {x[column] * depth, y[row] * depth, depth};
        const double shade = shade_of(capsule, point, *light) * grain[pixel];
        const double* colour = colour_of(capsule, prints, spans[i], point);
        depths[pixel] = static_cast<float>(depth);
        for (int c = 0; c < 3; ++c)
          colours[3 * pixel + c] = static_cast<uint8_t>(std::min(shade * colour[c], 255.0));
      }
    }
  }
}

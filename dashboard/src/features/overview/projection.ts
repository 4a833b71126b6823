/**
 * Where a place lies on the outline: plain Mercator in its viewBox of 612 × 696, fitted to it by least squares on the centres of
 * states (residuals 0.03 and 0.16 units).
 */
export function project(latitude: number, longitude: number): { x: number; y: number } {
  const radians = (latitude * Math.PI) / 180;
  const mercator = (Math.log(Math.tan(Math.PI / 4 + radians / 2)) * 180) / Math.PI;
  return { x: 20.93371 * longitude - 1427.3937, y: -20.9748 * mercator + 837.9046 };
}

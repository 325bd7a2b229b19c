"""Ultrasonic sensor: distance to the nearest surface in its cone that reflects the sound back to it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from smartcar_mqtt.simulator.world.geometry import Segment, Surfaces

FAN_RAYS = 9  # over the full width of a cone; 30 degrees / 8 leaves 0.1 % error on a flat wall

Ray = tuple[float, float]


class Cone(NamedTuple):
    """Where a sensor stands and looks: metres, compass bearing, full opening angle."""

    x: float
    y: float
    bearing_deg: float
    width_deg: float


class Piece(NamedTuple):
    """A segment in the view of a sensor: its start, its course, start x course, its length."""

    au: float
    av: float
    eu: float
    ev: float
    a_cross_e: float
    length: float


@lru_cache(maxsize=32)
def _fan(width_deg: float) -> tuple[Ray, ...]:
    """Directions across the cone as (forward, rightward) unit vectors."""
    angles = (math.radians(width_deg * (k / (FAN_RAYS - 1) - 0.5)) for k in range(FAN_RAYS))
    return tuple((math.cos(angle), math.sin(angle)) for angle in angles)


def echo_distance(surfaces: Surfaces, cone: Cone, *, max_m: float, grazing_deg: float | None) -> float | None:
    """Metres to the nearest echo, 0 inside an obstacle, None without one.

    A ray that meets its first surface at more than `grazing_deg` from the perpendicular is thrown away from the sensor
    and gives no echo, whatever stands behind; None lets every surface answer. Besides the even fan there is one ray
    at the middle of each round obstacle and box in the cone, so that a thin table leg does not slip between two rays.
    """
    if surfaces.covers(cone.x, cone.y):
        return 0.0
    view = _View(cone)
    circles = [
        (u, v, radius)
        for u, v, radius in ((*view.of(x, y), radius) for x, y, radius in surfaces.circles)
        if u > -radius and view.beside(u, v) < radius
    ]
    segments = [piece for each in surfaces.segments if (piece := view.piece(each)) is not None]
    aims = [(u, v) for u, v, _ in circles] + [view.of(each.x, each.y) for each in surfaces.boxes]
    rays = [*_fan(cone.width_deg), *(view.ray(u, v) for u, v in aims if view.beside(u, v) < 0)]

    limit_cosine = 0.0 if grazing_deg is None else math.cos(math.radians(grazing_deg))
    hits = (_first_hit(ray, segments, circles) for ray in rays)
    nearest = min((distance for distance, facing in hits if facing >= limit_cosine), default=math.inf)
    return nearest if nearest <= max_m else None


class _View:
    """The frame of a sensor: u metres forward, v metres to the right."""

    def __init__(self, cone: Cone) -> None:
        bearing = math.radians(cone.bearing_deg)
        self.x, self.y = cone.x, cone.y
        self.sine, self.cosine = math.sin(bearing), math.cos(bearing)
        self.edge_cosine, self.edge_sine = _fan(cone.width_deg)[-1]

    def of(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the room lies in the view."""
        dx, dy = x - self.x, y - self.y
        return dx * self.sine + dy * self.cosine, dx * self.cosine - dy * self.sine

    def beside(self, u: float, v: float) -> float:
        """Metres that a point lies beyond the nearer edge of the cone; negative within the cone."""
        return abs(v) * self.edge_cosine - u * self.edge_sine

    def ray(self, u: float, v: float) -> Ray:
        """The direction of a point."""
        distance = math.hypot(u, v)
        return u / distance, v / distance

    def piece(self, segment: Segment) -> Piece | None:
        """A segment as the rays need it, None when it lies wholly behind or beside the cone."""
        ax, ay, bx, by = segment
        au, av = self.of(ax, ay)
        bu, bv = self.of(bx, by)
        same_side = av * bv > 0 and self.beside(au, av) > 0 and self.beside(bu, bv) > 0
        if same_side or (au <= 0 and bu <= 0):
            return None
        eu, ev = bu - au, bv - av
        return Piece(au, av, eu, ev, au * ev - av * eu, math.hypot(eu, ev))


def _first_hit(
    ray: Ray,
    segments: list[Piece],
    circles: list[tuple[float, float, float]],
) -> tuple[float, float]:
    """Distance to the first surface on the ray, and the cosine of its angle from the perpendicular there."""
    du, dv = ray
    nearest, facing = math.inf, 0.0
    for au, av, eu, ev, a_cross_e, length in segments:
        ray_cross_e = du * ev - dv * eu
        if ray_cross_e == 0.0:
            continue
        distance = a_cross_e / ray_cross_e
        if 0.0 <= distance < nearest and 0.0 <= (au * dv - av * du) / ray_cross_e <= 1.0:
            nearest, facing = distance, abs(ray_cross_e) / length
    for u, v, radius in circles:
        aside = u * dv - v * du
        if abs(aside) < radius:
            half_chord = math.sqrt(radius * radius - aside * aside)
            distance = u * du + v * dv - half_chord
            if 0.0 <= distance < nearest:
                nearest, facing = distance, half_chord / radius
    return nearest, facing

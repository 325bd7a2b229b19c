"""The room and the car in it: walls, motors, sonars, gas."""

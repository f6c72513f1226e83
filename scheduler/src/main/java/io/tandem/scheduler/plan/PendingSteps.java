package io.tandem.scheduler.plan;

import java.util.Set;

/**
 * What trainees need beside windows, steps above all.
 *
 * @param tenants whose jobs they are
 * @param spell how long they have waited for a piece
 */
public record PendingSteps(Set<String> tenants, ServingSpell spell) {}

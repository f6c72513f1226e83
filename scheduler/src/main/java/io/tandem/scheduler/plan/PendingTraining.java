package io.tandem.scheduler.plan;

import io.tandem.kernels.PackProgress;
import java.util.Set;

/**
 * What may be trained next.
 *
 * @param tenants whose jobs they are
 * @param pack how far the pack on the device has come
 * @param betweenSteps whether nothing of the next optimizer step, or measurement, has gone forward
 * @param spell how long the job has waited for a window
 */
public record PendingTraining(Set<String> tenants, PackProgress pack, boolean betweenSteps, ServingSpell spell) {}

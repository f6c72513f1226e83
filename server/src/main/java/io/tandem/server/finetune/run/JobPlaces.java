package io.tandem.server.finetune.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.finetune.state.JobObject;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How users share the places for jobs that train or wait: max-min, as the scheduler shares those of requests. When all
 * are taken, a newcomer gets the place of the user that holds most, if that is more than its own user would then hold.
 */
final class JobPlaces {
    private static final Set<String> WAITING = Set.of(JobObject.VALIDATING, JobObject.QUEUED);

    private JobPlaces() {}

    /**
     * The job that makes way for a new one: the newest that waits, of the user that holds most and has one that waits.
     *
     * @param open jobs with a place, in the order of their creation
     * @param user of the new job
     * @return empty if no other user holds more than this one would
     */
    static Optional<ObjectNode> makesWay(List<ObjectNode> open, String user) {
        Map<String, Long> held =
                open.stream().collect(Collectors.groupingBy(JobObject::account, Collectors.counting()));
        long own = held.getOrDefault(user, 0L) + 1;
        return open.stream()
                .filter(job -> WAITING.contains(JobObject.status(job)) && places(held, job) > own)
                .reduce((first, later) -> places(held, first) > places(held, later) ? first : later);
    }

    private static long places(Map<String, Long> held, ObjectNode job) {
        return held.getOrDefault(JobObject.account(job), 0L);
    }
}

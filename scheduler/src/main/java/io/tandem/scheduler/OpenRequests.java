package io.tandem.scheduler;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.TreeSet;

/**
 * The places for requests that run or wait, and which caller holds how many. Places go to whoever comes first while there
 * are any. When they are all taken, a newcomer takes places from callers that hold more than its own caller would then
 * hold: from the one that holds most, its newest request first. So a request for one answer is refused only if no caller
 * that would hold more than its own has a request left to give up (max-min fairness), and whoever asks for little is let in
 * however much others ask for.
 *
 * <p>A request is all or nothing, whatever number of answers it asks for, and it is safe as soon as one of its answers has
 * a token. Safe from any thread; entering takes logarithmic time per displaced request and per caller that is passed over.
 */
final class OpenRequests {
    private final int places;
    private final Map<String, Caller> callers = new HashMap<>();
    private final NavigableSet<Caller> byHeld = new TreeSet<>(
            Comparator.comparingInt((Caller caller) -> caller.held).thenComparing(caller -> caller.name));
    private int taken;
    private long entered;

    /** @param places answers that may run or wait at once */
    OpenRequests(int places) {
        this.places = places;
    }

    /** A request with the answers that have not ended. */
    static final class Ticket {
        private final Caller caller;
        private final List<Long> ids;
        private final long number;
        private int open;
        private boolean displaced;

        private Ticket(Caller caller, List<Long> ids, long number) {
            this.caller = caller;
            this.ids = ids;
            this.number = number;
            this.open = ids.size();
        }

        /** The engine's numbers of its answers. */
        List<Long> ids() {
            return ids;
        }
    }

    /** @param displaced requests whose places it takes; they are to be ended */
    record Entry(Ticket ticket, List<Ticket> displaced) {}

    private static final class Caller {
        final String name;
        /** Requests without any token, the oldest first. */
        final NavigableSet<Ticket> unbegun = new TreeSet<>(Comparator.comparingLong((Ticket ticket) -> ticket.number));

        int held;

        Caller(String name) {
            this.name = name;
        }
    }

    /**
     * @param ids of the answers
     * @return empty, and nothing has changed, if there is no place
     */
    synchronized Optional<Entry> enter(String name, List<Long> ids) {
        Caller caller = callers.getOrDefault(name, new Caller(name));
        int held = caller.held + ids.size();
        List<Ticket> displaced = new ArrayList<>();
        while (taken + ids.size() > places) {
            Optional<Caller> giver = giver(held);
            if (giver.isEmpty()) {
                displaced.forEach(ticket -> hold(ticket, ticket.open));
                return Optional.empty();
            }
            Ticket newest = giver.get().unbegun.last();
            hold(newest, -newest.open);
            displaced.add(newest);
        }
        displaced.forEach(ticket -> ticket.displaced = true);
        Ticket ticket = new Ticket(caller, ids, entered++);
        hold(ticket, ids.size());
        return Optional.of(new Entry(ticket, displaced));
    }

    /** The caller that holds most, more than this, and has a request to give up. */
    private Optional<Caller> giver(int held) {
        for (Caller caller : byHeld.descendingSet()) {
            if (caller.held <= held) {
                break;
            }
            if (!caller.unbegun.isEmpty()) {
                return Optional.of(caller);
            }
        }
        return Optional.empty();
    }

    /** Takes places for a request without any token, or gives them back. */
    private void hold(Ticket ticket, int more) {
        if (more > 0) {
            ticket.caller.unbegun.add(ticket);
        } else {
            ticket.caller.unbegun.remove(ticket);
        }
        count(ticket.caller, more);
    }

    private void count(Caller caller, int more) {
        byHeld.remove(caller);
        caller.held += more;
        taken += more;
        if (caller.held == 0) {
            callers.remove(caller.name);
        } else {
            callers.put(caller.name, caller);
            byHeld.add(caller);
        }
    }

    /** One of the answers has a token; false if the request was displaced before, so that nobody may see it. */
    synchronized boolean begin(Ticket ticket) {
        ticket.caller.unbegun.remove(ticket);
        return !ticket.displaced;
    }

    /** One of the answers has ended; false if the request was displaced before. */
    synchronized boolean end(Ticket ticket) {
        if (ticket.displaced) {
            return false;
        }
        ticket.open--;
        if (ticket.open == 0) {
            ticket.caller.unbegun.remove(ticket);
        }
        count(ticket.caller, -1);
        return true;
    }

    /** Answers that hold a place. */
    synchronized int taken() {
        return taken;
    }

    synchronized int held(String caller) {
        return Optional.ofNullable(callers.get(caller)).map(found -> found.held).orElse(0);
    }
}

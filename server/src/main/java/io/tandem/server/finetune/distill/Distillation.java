package io.tandem.server.finetune.distill;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Chooses examples by their loss trajectories. Examples whose losses fell alike have similar gradients, so all clusters of
 * trajectories give equally many, whether they are large or small (S2L, Yang et al., 2024). The hardest are left out beforehand,
 * since a few examples cannot teach what is hard, and they would take the place of others (CCS, Zheng et al., 2023). Both is
 * done for each ability separately, and abilities give equally many too, or a hard one would vanish.
 *
 * @param clusters of each example, from 1; 0 of those that were left out
 * @param chosen examples by number
 */
public record Distillation(List<Integer> clusters, SortedSet<Integer> chosen) {

    /**
     * An example.
     *
     * @param ability what it teaches; may be empty
     * @param losses its trajectory; all have the same length
     */
    public record Learned(String ability, double[] losses) {}

    /** By which examples are the hardest. */
    public enum Hardness {
        /** The area below the trajectory. */
        ALL_ALONG {
            @Override
            double of(double[] losses) {
                return Arrays.stream(losses).sum();
            }
        },
        /** What is left when everything is learned: of texts that the model wrote itself, how unsure it was. */
        AT_THE_END {
            @Override
            double of(double[] losses) {
                return losses[losses.length - 1];
            }
        };

        abstract double of(double[] losses);
    }

    /**
     * What is wanted.
     *
     * @param examples how many; fewer than there are
     * @param clusters of an ability, at most
     * @param cutoff the share of an ability's examples, the hardest, that are left out, as far as enough are left
     * @param hardness which are the hardest
     */
    public record Wanted(int examples, int clusters, double cutoff, Hardness hardness) {
        /** The same, but so many at most. */
        public Wanted atMost(int most) {
            return new Wanted(Math.min(most, examples), clusters, cutoff, hardness);
        }
    }

    /** The same examples and seed have the same result. */
    public static Distillation of(List<Learned> learned, Wanted wanted, long seed) {
        Map<String, List<Integer>> abilities = new TreeMap<>();
        for (int i = 0; i < learned.size(); i++) {
            abilities
                    .computeIfAbsent(learned.get(i).ability(), first -> new ArrayList<>())
                    .add(i);
        }
        SplittableRandom random = new SplittableRandom(seed);
        List<Integer> clusters = new ArrayList<>(Collections.nCopies(learned.size(), 0));
        SortedSet<Integer> chosen = new TreeSet<>();
        int known = 0;
        List<List<Integer>> smallestFirst = smallestFirst(abilities.values());
        for (int at = 0; at < smallestFirst.size(); at++) {
            int share = (wanted.examples() - chosen.size()) / (smallestFirst.size() - at);
            List<Integer> kept = easiest(learned, smallestFirst.get(at), wanted, share);
            double[][] points = kept.stream().map(i -> learned.get(i).losses()).toArray(double[][]::new);
            int[] found = KMeans.clusters(points, Math.max(1, Math.min(wanted.clusters(), share)), random.nextLong());
            Map<Integer, List<Integer>> members = new TreeMap<>();
            for (int i = 0; i < found.length; i++) {
                int cluster = known + found[i] + 1;
                clusters.set(kept.get(i), cluster);
                members.computeIfAbsent(cluster, first -> new ArrayList<>()).add(kept.get(i));
            }
            known += members.size();
            chosen.addAll(balanced(members.values(), share, random));
        }
        return new Distillation(clusters, chosen);
    }

    /** Without the hardest; at least so many. */
    private static List<Integer> easiest(List<Learned> learned, List<Integer> examples, Wanted wanted, int least) {
        List<Integer> order = new ArrayList<>(examples);
        order.sort(Comparator.comparingDouble(
                i -> wanted.hardness().of(learned.get(i).losses())));
        int kept = Math.min(order.size(), Math.max(least, order.size() - (int) (wanted.cutoff() * order.size())));
        return order.subList(0, kept);
    }

    private static List<List<Integer>> smallestFirst(Collection<List<Integer>> groups) {
        List<List<Integer>> sorted = new ArrayList<>(groups);
        sorted.sort(Comparator.comparingInt(List::size));
        return sorted;
    }

    /** What small clusters have too few of, the larger ones give. */
    static SortedSet<Integer> balanced(Collection<List<Integer>> clusters, int wanted, SplittableRandom random) {
        List<List<Integer>> smallestFirst = smallestFirst(clusters);
        SortedSet<Integer> chosen = new TreeSet<>();
        for (int at = 0; at < smallestFirst.size(); at++) {
            int share = (wanted - chosen.size()) / (smallestFirst.size() - at);
            chosen.addAll(sample(smallestFirst.get(at), share, random));
        }
        return chosen;
    }

    private static List<Integer> sample(List<Integer> from, int count, SplittableRandom random) {
        List<Integer> rest = new ArrayList<>(from);
        List<Integer> sample = new ArrayList<>();
        while (sample.size() < count && !rest.isEmpty()) {
            int at = random.nextInt(rest.size());
            sample.add(rest.get(at));
            rest.set(at, rest.get(rest.size() - 1));
            rest.remove(rest.size() - 1);
        }
        return sample;
    }
}

package io.tandem.server.finetune.distill;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Chooses examples by their loss trajectories (S2L, Yang et al., 2024): those whose losses fell alike have gradients that are alike,
 * so every cluster of trajectories gives as many, whether it is large or small.
 *
 * @param clusters of each example, from 0
 * @param chosen examples by number
 */
public record Distillation(List<Integer> clusters, SortedSet<Integer> chosen) {

    /**
     * @param trajectories of each example, all of one length
     * @param wanted how many examples
     * @param clusters most of them
     */
    public static Distillation of(double[][] trajectories, int wanted, int clusters, long seed) {
        int[] found = KMeans.clusters(trajectories, clusters, seed);
        Map<Integer, List<Integer>> members = new TreeMap<>();
        for (int i = 0; i < found.length; i++) {
            members.computeIfAbsent(found[i], first -> new ArrayList<>()).add(i);
        }
        List<Integer> list = new ArrayList<>();
        for (int cluster : found) {
            list.add(cluster);
        }
        return new Distillation(list, balanced(members.values(), wanted, new SplittableRandom(seed)));
    }

    /** What small clusters have too few of, the larger ones give. */
    static SortedSet<Integer> balanced(Collection<List<Integer>> clusters, int wanted, SplittableRandom random) {
        List<List<Integer>> smallestFirst = new ArrayList<>(clusters);
        smallestFirst.sort(Comparator.comparingInt(List::size));
        SortedSet<Integer> chosen = new TreeSet<>();
        int left = smallestFirst.size();
        for (List<Integer> cluster : smallestFirst) {
            int share = (wanted - chosen.size()) / left--;
            chosen.addAll(sample(cluster, share, random));
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

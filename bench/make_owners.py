#!/usr/bin/env python3
"""Writes a folder of CSV files for `stewardctl import`: estates, homes and the people in them.

The same seed gives the same files, byte for byte. Shapes follow the trade: 2.9 persons a home, a
third of the owners with several homes, many of them investors with Hong Kong numbers whose homes
have tenants, a few former owners, one car for two homes.

Usage: make_owners.py DIR [--persons 200000] [--seed 1]
"""
import argparse
import csv
import pathlib
import random

SURNAMES = ("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚"
            "卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤")
GIVEN = ("芳伟强敏静丽军磊洋勇艳杰娟涛明超秀霞平刚桂英华建国文辉玉兰红梅志春燕海波宁鹏飞小龙雪梦琪浩然子轩雨桐思远"
         "佳怡晨阳嘉欣俊天佑一诺诗涵博晓东永康德福秋月冬青")
ESTATES = ("四季花城", "云山诗意", "金域蓝湾", "东海国际", "水榭春天", "翡翠明珠", "中信红树湾", "香蜜湖一号", "星河时代",
           "锦绣江南", "阳光棕榈", "熙园")
SEGMENTS = ("wealthy", "young", "family", "elderly", "careful")
FLAGS = ("elderly", "vip", "owners_committee", "hearing", "pets")
TIERS = ("", "", "", "silver", "gold", "platinum")
PROVINCES = "粤粤粤粤湘赣桂闽"


class Maker:
    def __init__(self, persons, seed):
        self.rng = random.Random(seed)
        self.persons = persons
        self.units, self.people, self.tenures, self.vehicles = [], [], [], []
        self.buildings = []

    def name(self):
        return self.rng.choice(SURNAMES) + "".join(
            self.rng.choice(GIVEN) for _ in range(self.rng.choice((1, 2, 2))))

    def mobile(self):
        # Every person's number is another one: spread over the mainland's 13x to 19x.
        n = len(self.people)
        return "1%d%d%08d" % (3 + n % 7, n // 7 % 10, n * 7919 % 100000000)

    def phones(self, investor):
        phones = ["+852%d%07d" % (5 + len(self.people) % 5, len(self.people) * 31 % 10000000)
                  if investor else self.mobile()]
        if self.rng.random() < 0.15:
            phones.append("0755-2%07d" % (len(self.people) * 13 % 10000000))
        return ";".join(phones)

    def person(self, investor=False):
        key = "p%06d" % (len(self.people) + 1)
        self.people.append((
            key, self.name(), "zh-Hant" if investor else "zh-Hans", self.phones(investor),
            key + "@example.com" if self.rng.random() < 0.4 else "", self.rng.choice(SEGMENTS),
            self.rng.choice(FLAGS) if self.rng.random() < 0.1 else "", self.rng.choice(TIERS)))
        return key

    def date(self, first, last):
        return "%d-%02d-%02d" % (self.rng.randint(first, last), self.rng.randint(1, 12),
                                 self.rng.randint(1, 28))

    def unit(self):
        n = len(self.units)
        estate = ESTATES[n // 4800 % len(ESTATES)]
        building = str(n // 120 % 40 + 1 + n // (4800 * len(ESTATES)) * 40)
        if n % 120 == 0:
            self.buildings.append((estate, building, "sun.li" if n // 120 % 2 else "zhou.min"))
        place = (estate, building, "%d%02d" % (n % 120 // 4 + 1, n % 4 + 1))
        self.units.append(place + ("%.1f" % self.rng.uniform(45, 260), self.date(2008, 2024)))
        return place

    def home(self, owner=None):
        """A home: its owner (a new one unless given), then a family or tenants, perhaps a car."""
        place = self.unit()
        investor = owner is None and self.rng.random() < 0.25
        owner = owner or self.person(investor)
        since = self.date(2008, 2024)
        self.tenures.append((owner,) + place + ("owner", since, ""))
        if self.rng.random() < 0.06:
            self.tenures.append((self.person(),) + place + ("owner", "2008-01-01", since))
        role = "tenant" if investor or self.rng.random() < 0.2 else "family"
        for i in range(self.rng.choice((0, 1, 2, 2, 3))):
            first = "co_owner" if role == "family" and i == 0 and self.rng.random() < 0.4 else role
            self.tenures.append((self.person(),) + place + (first, self.date(2012, 2025), ""))
        if self.rng.random() < 0.5:
            self.vehicles.append((owner, "%sB%05d" % (self.rng.choice(PROVINCES),
                                                      len(self.vehicles)),
                                  "B%d-%03d" % (self.rng.randint(1, 3), self.rng.randint(1, 999))))
        return owner

    def make(self):
        while len(self.people) < self.persons:
            owner = self.home()
            if self.rng.random() < 0.36 / 2:
                self.home(owner)
        return self

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            "units.csv": ("estate,building,unit,area_m2,delivered_on", self.units),
            "buildings.csv": ("estate,building,steward", self.buildings),
            "persons.csv": ("key,name,language,phones,emails,segment,flags,tier", self.people),
            "tenures.csv": ("person_key,estate,building,unit,role,from,to", self.tenures),
            "vehicles.csv": ("person_key,plate,space", self.vehicles),
        }
        for name, (columns, rows) in files.items():
            with open(folder / name, "w", encoding="utf-8", newline="") as f:
                out = csv.writer(f)
                out.writerow(columns.split(","))
                out.writerows(rows)
        return {name: len(rows) for name, (_, rows) in files.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--persons", type=int, default=200000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    counts = Maker(args.persons, args.seed).make().write(args.folder)
    print(", ".join("%s %d" % item for item in counts.items()))


if __name__ == "__main__":
    main()
